// `cowlab store read`: the snapshot's content, offline.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "cli/store/alias.h"
#include "cli/store/output_file.h"
#include "cli/store/printer.h"
#include "cli/store/salvage_report.h"
#include "cli/store/snapshot_image.h"
#include "cli/store/store.h"

namespace cowlab::store {
namespace {

constexpr std::uint64_t piece_bytes = 1 << 20;

Result<void> copy_to_file(const Image& image, OutputFile& file) {
    std::vector<std::byte> buffer;
    for (std::uint64_t at = 0; at < image.bytes(); at += buffer.size()) {
        auto data = image.next_data(at);
        if (!data) return failure(std::move(data).error());
        at = *data;
        buffer.resize(std::min(piece_bytes, image.bytes() - at));
        if (auto r = image.read(at, buffer); !r) return r;
        if (auto r = file.write(at, buffer); !r) return r;
    }
    return file.commit();
}

Result<void> copy_to_stream(const Image& image, Printer& out) {
    std::vector<std::byte> buffer;
    for (std::uint64_t at = 0; at < image.bytes() && !out.failed(); at += buffer.size()) {
        auto data = image.next_data(at);
        if (!data) return failure(std::move(data).error());
        if (*data > at) {
            buffer.assign(std::min(piece_bytes, *data - at), std::byte{0});
        } else {
            buffer.resize(std::min(piece_bytes, image.bytes() - at));
            if (auto r = image.read(at, buffer); !r) return r;
        }
        out.write(buffer.data(), buffer.size());
    }
    return out.finish();
}

// The size of the snapshot, and what is wrong with the options before any image is looked into.
Result<Sectors> snapshot_size(const ReadOptions& options, const Image& origin) {
    const Sectors whole = exact_sectors(origin.bytes());
    if (!options.size) return whole;
    if (*options.size == Sectors{0}) {
        return failure({Error::Kind::usage, "--size",
                        "a snapshot has at least 1 sector: leave the option "
                        "out to read as many as the origin has"});
    }
    if (*options.size > whole) {
        return refuse(origin.name(),
                      fmt::format("has {} sectors, fewer than the --size {} of the snapshot: "
                                  "give the origin it was taken of, or a smaller size",
                                  whole.value, options.size->value));
    }
    return *options.size;
}

Result<std::optional<ChunkSize>> assumed_chunk_size(const ReadOptions& options) {
    if (!options.chunk_size) return {std::nullopt};
    if (!options.salvage) {
        return failure({Error::Kind::usage, "--chunk-size",
                        "the store says its chunk size itself: only --salvage may overrule it"});
    }
    if (const auto problem = chunk_size_problem(*options.chunk_size); !problem.empty()) {
        return failure({Error::Kind::usage, "--chunk-size",
                        fmt::format("{} sectors is {}: give a power of two from 1 to 2097152",
                                    *options.chunk_size, problem)});
    }
    return {ChunkSize(Sectors{*options.chunk_size})};
}

// A rename over the COW device or the origin would take away what is being read.
Result<void> require_other_target(const std::string& target, const FileImage& image) {
    struct stat st;
    if (::stat(target.c_str(), &st) != 0 || !S_ISREG(st.st_mode)) return {};
    const Extent bottom = bottom_extent(image.extent());
    if (bottom.on != Extent::On::file || bottom.device != st.st_dev || bottom.inode != st.st_ino)
        return {};
    return refuse(target,
                  fmt::format("is the file of {}, which would be replaced: give -o another name",
                              image.name()));
}

Result<void> require_servable(const Image& cow, const Examination& e, bool salvage) {
    if (e.servable() || (salvage && e.layout)) return {};
    const Finding* f = e.findings.first_serious();
    CHECK(f != nullptr, "a store that is not served has a finding that says why");
    if (!e.layout && !salvage) return failure(no_store_here(cow, e.findings));
    const std::string why = fmt::format("byte {}: {}: {}", f->offset, name_of(f->kind), f->what);
    if (!e.layout) {
        return refuse(
            cow.name(),
            fmt::format("nothing to salvage with this header: {}: if a store is here, say "
                        "its chunk size with --chunk-size SECTORS",
                        why));
    }
    return refuse(cow.name(),
                  fmt::format("not served: {}: `cowlab store check` lists all findings, --salvage "
                              "serves what can be served",
                              why));
}

}  // namespace

Result<int> read(const ReadOptions& options, std::FILE* stream, std::FILE* messages) {
    auto chunk_size = assumed_chunk_size(options);
    if (!chunk_size) return failure(std::move(chunk_size).error());
    if (!options.output && ::isatty(::fileno(stream)) == 1) {
        return failure({Error::Kind::usage, "standard output",
                        "is a terminal: give -o FILE, or send the content on (`| sha256sum`)"});
    }
    auto cow = FileImage::open(options.cow, FileImage::Access::exclusive);
    if (!cow) return failure(std::move(cow).error());
    auto origin = FileImage::open(options.origin, FileImage::Access::shared);
    if (!origin) return failure(std::move(origin).error());
    if (auto r = require_apart(**cow, **origin); !r) return failure(std::move(r).error());
    auto size = snapshot_size(options, **origin);
    if (!size) return failure(std::move(size).error());
    if (options.output) {
        for (const FileImage* image : {cow->get(), origin->get()}) {
            if (auto r = require_other_target(*options.output, *image); !r) {
                return failure(std::move(r).error());
            }
        }
    }

    auto examination = examine(**cow, {exact_sectors((*origin)->bytes()), *chunk_size});
    if (!examination) return failure(std::move(examination).error());
    if (auto r = require_servable(**cow, *examination, options.salvage); !r) {
        return failure(std::move(r).error());
    }
    if (options.salvage) {
        report_salvage(**cow, *examination, messages);
    } else {
        report_suspicions(**cow, *examination, messages);
    }

    const SnapshotImage snapshot(**origin, **cow, *examination->layout,
                                 std::move(examination->records.map), *size);
    Result<void> copied;
    if (options.output) {
        auto file = OutputFile::create(*options.output, snapshot.bytes());
        if (!file) return failure(std::move(file).error());
        copied = copy_to_file(snapshot, **file);
    } else {
        Printer out(stream);
        copied = copy_to_stream(snapshot, out);
    }
    if (!copied) return failure(std::move(copied).error());
    return 0;
}

}  // namespace cowlab::store
