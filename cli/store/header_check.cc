#include "cli/store/header_check.h"

#include <fmt/format.h>

#include <array>
#include <bit>

namespace cowlab::store {
namespace {

constexpr std::uint64_t at_magic = 0;
constexpr std::uint64_t at_valid = 4;
constexpr std::uint64_t at_version = 8;
constexpr std::uint64_t at_chunk_size = 12;

std::string list_advice(std::optional<Sectors> fitting) {
    if (!fitting) return {};
    return fmt::format(
        "; a list stands at byte {} as if the chunk size were {} sectors (`store read "
        "--salvage --chunk-size {}` reads it)",
        fitting->bytes(), fitting->value, fitting->value);
}

// The header chunk behind the 16 bytes: the kernel writes it as zeros with every header.
Result<void> check_rest(const Image& image, HeaderReport& report, std::optional<Sectors> fitting,
                        Findings& findings) {
    const Sectors chunk = report.layout->chunk().sectors();
    if (fitting && *fitting < chunk) {
        findings.add(Kind::chunk_size_changed, at_chunk_size, [&](Finding& f) {
            f.what = fmt::format(
                "the chunk size says {} sectors, but inside the header chunk, at byte {}, "
                "stands a list that fits chunk size {}",
                chunk.value, fitting->bytes(), fitting->value);
            f.consequence = fmt::format(
                "exceptions are looked for in the wrong places: `store read --salvage "
                "--chunk-size {}` reads the store",
                fitting->value);
        });
        report.layout.reset();
        return {};
    }
    auto found = first_nonzero(image, format::header_bytes, chunk.bytes());
    if (!found) return failure(std::move(found).error());
    if (*found == chunk.bytes()) return {};
    findings.add(Kind::header_not_zero, *found, [&](Finding& f) {
        f.what =
            fmt::format("the header chunk is not zero behind its {} bytes", format::header_bytes);
        f.consequence =
            "no reader looks here, but something other than a snapshot wrote to this device";
    });
    return {};
}

}  // namespace

std::string_view chunk_size_problem(std::uint64_t sectors) {
    if (!std::has_single_bit(sectors)) return "not a power of two";
    if (Sectors{sectors} > format::chunk_size_max) return "too large";
    return {};
}

Result<std::optional<Sectors>> chunk_size_of_a_list(const Image& image) {
    for (std::uint64_t size = 1; size <= format::chunk_size_max.value; size *= 2) {
        const ChunkSize chunk{Sectors{size}};
        if (image.bytes() / chunk.bytes() < 3) break;  // header, area, and the chunk pointed at
        std::array<std::byte, 2 * format::record_bytes> records;
        if (auto r = image.read(chunk.bytes(), records); !r) return failure(std::move(r).error());
        const auto first = format::Record::read(records.data(), 0);
        const auto second = format::Record::read(records.data(), 1);
        const bool ends = second.ends_list() && second.old_chunk.value == 0;
        if (first.new_chunk != format::first_data_chunk) continue;
        if (ends || second.new_chunk == format::first_data_chunk + 1) return {Sectors{size}};
    }
    return {std::nullopt};
}

Result<HeaderReport> check_header(const Image& image, Findings& findings) {
    std::array<std::byte, format::header_bytes> bytes;
    if (auto r = image.read(0, bytes); !r) return failure(std::move(r).error());
    auto fitting = chunk_size_of_a_list(image);
    if (!fitting) return failure(std::move(fitting).error());

    HeaderReport report{format::Header::read(bytes.data()), std::nullopt};
    const format::Header& h = report.fields;
    if (all_zero(bytes.data(), bytes.size())) {
        findings.add(Kind::blank, at_magic, [&](Finding& f) {
            f.what = "the header is all zero: no snapshot was ever made here, or it was wiped" +
                     list_advice(*fitting);
            f.consequence = "a kernel that is given this device makes a new, empty snapshot on it";
        });
        return report;
    }
    if (h.magic == 0 && h.version == format::version && chunk_size_problem(h.chunk_size).empty()) {
        findings.add(Kind::magic_zeroed, at_magic, [&](Finding& f) {
            f.what =
                "the magic is 0, yet the fields behind it are a header's" + list_advice(*fitting);
            f.consequence = "a kernel takes this for a new device and zeroes the first exceptions";
        });
        return report;
    }
    if (h.magic != format::magic) {
        findings.add(Kind::bad_magic, at_magic, [&](Finding& f) {
            f.what =
                fmt::format(
                    "the magic is {:#010x}, not {:#010x} (\"SnAp\"): not a COW device, not its "
                    "first sector, or overwritten",
                    h.magic, format::magic) +
                list_advice(*fitting);
            f.consequence =
                h.magic == 0 ? "a kernel takes this for a new device and overwrites its beginning"
                             : "no kernel loads it (\"Invalid or corrupt snapshot\")";
        });
        return report;
    }

    // The kernel judges the chunk size before the version, and the version before the valid flag.
    const std::string_view problem = chunk_size_problem(h.chunk_size);
    if (!problem.empty()) {
        findings.add(Kind::bad_chunk_size, at_chunk_size, [&](Finding& f) {
            f.what = fmt::format("the chunk size {} is {}", h.chunk_size, problem) +
                     list_advice(*fitting);
            f.consequence = "no kernel loads it (\"invalid on-disk chunk size\")";
        });
    }
    if (h.version != format::version) {
        findings.add(Kind::bad_version, at_version, [&](Finding& f) {
            f.what =
                fmt::format("the version is {}, only {} is known", h.version, format::version) +
                list_advice(*fitting);
            f.consequence = "no kernel loads it (\"unable to handle snapshot disk version\")";
        });
    }
    if (h.valid == 0) {
        findings.add(Kind::invalidated, at_valid, [&](Finding& f) {
            f.what = "the snapshot was invalidated (it overflowed or a device failed)";
            f.consequence =
                "origin writes after that were not copied: reads fail with EIO, and `store read "
                "--salvage` mixes old data with new";
        });
    } else if (h.valid != 1) {
        findings.add(Kind::invalid_flag, at_valid, [&](Finding& f) {
            f.what = fmt::format("the valid flag is {}, only 0 and 1 are ever written", h.valid);
            f.consequence =
                "kernels take it for valid, but the header was changed by something else";
        });
    }
    if (!problem.empty() || h.version != format::version) return report;

    const ChunkSize chunk{Sectors{h.chunk_size}};
    report.layout.emplace(chunk, image.bytes());
    if (!report.layout->fits(report.layout->area_chunk(0))) {
        findings.add(Kind::image_too_small, at_chunk_size, [&](Finding& f) {
            f.what =
                fmt::format(
                    "with chunks of {} sectors the header and the first exception area need {}, "
                    "the image has {}",
                    h.chunk_size, 2 * chunk.sectors().value, image.bytes() / sector_bytes) +
                list_advice(*fitting);
            f.consequence =
                "no kernel loads it: the image was cut off or the chunk size was changed";
        });
        report.layout.reset();
        return report;
    }
    if (!is_multiple_of(chunk.sectors(), image.logical_block())) {
        findings.add(Kind::chunk_size_not_multiple, at_chunk_size, [&](Finding& f) {
            f.what =
                fmt::format("the chunk size {} is no multiple of this device's block of {} sectors",
                            h.chunk_size, image.logical_block().value);
            f.consequence =
                "no kernel loads it from this device; from one with smaller blocks it does";
        });
    }
    if (auto r = check_rest(image, report, *fitting, findings); !r)
        return failure(std::move(r).error());
    return report;
}

}  // namespace cowlab::store
