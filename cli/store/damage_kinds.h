// For damage_test.cc: what can happen to a store, one function each. A function damages a Variant
// and says from the format alone, by way of PlainStore, what can be seen of it afterwards.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "base/prng.h"
#include "base/units.h"
#include "cli/store/findings.h"
#include "cli/store/plain_store.h"

namespace cowlab::store::test {

// Bytes with an inaccessible page directly before their start or directly behind their end, and one
// near the other side: a read outside is a crash.
class GuardedBytes {
  public:
    enum class Tight { start, end };
    GuardedBytes(std::span<const std::byte> content, Tight tight) {
        const std::size_t page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
        const std::size_t inner = (content.size() + page - 1) / page * page;
        mapped_ = inner + 2 * page;
        base_ = static_cast<std::byte*>(::mmap(nullptr, mapped_, PROT_NONE,
                                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
        if (base_ == MAP_FAILED) std::abort();
        if (inner > 0 && ::mprotect(base_ + page, inner, PROT_READ | PROT_WRITE) != 0) std::abort();
        std::byte* start = base_ + page + (tight == Tight::end ? inner - content.size() : 0);
        if (!content.empty()) std::memcpy(start, content.data(), content.size());
        bytes_ = {start, content.size()};
    }
    ~GuardedBytes() { ::munmap(base_, mapped_); }
    GuardedBytes(const GuardedBytes&) = delete;
    GuardedBytes& operator=(const GuardedBytes&) = delete;
    std::span<std::byte> bytes() const { return bytes_; }

  private:
    std::byte* base_;
    std::size_t mapped_;
    std::span<std::byte> bytes_;
};

struct Subject {
    std::string name;
    std::unique_ptr<GuardedBytes> image;
    PlainStore plain;

    std::span<std::byte> bytes() const { return image->bytes(); }
    std::uint64_t chunk() const { return std::uint64_t{plain.chunk_size} * 512; }
    std::uint64_t stride() const { return chunk() / 16 + 1; }
    std::uint64_t origin_chunks() const {
        std::uint64_t n = 1;
        for (const auto& r : plain.records) n = std::max(n, r.old_chunk + 1);
        return n;
    }
};

// What must be said about a variant.
struct Expected {
    enum What { named, clean, anything } what = anything;
    Kind kind{};
    std::uint64_t begin = 0;  // the finding, or its other record, lies in [begin, end)
    std::uint64_t end = 0;
};
inline Expected name_it(Kind kind, std::uint64_t at, std::uint64_t size = 1) {
    return {Expected::named, kind, at, at + size};
}
inline const Expected say_clean{Expected::clean};
inline const Expected survive{Expected::anything};

// One variant in the making: remembers what to put back.
class Variant {
  public:
    Variant(const Subject& s, Prng& p) : subject(s), prng(p), limit_(std::uint64_t{1} << 63) {
        if (prng.below(2) == 0) {
            origin = Sectors{subject.origin_chunks() * subject.plain.chunk_size};
            limit_ = subject.origin_chunks() * subject.chunk();
        }
    }
    ~Variant() {
        for (auto u = undo_.rbegin(); u != undo_.rend(); ++u) {
            std::memcpy(subject.bytes().data() + u->first, u->second.data(), u->second.size());
        }
    }

    void put(std::uint64_t at, const void* data, std::size_t n) {
        std::byte* to = subject.bytes().data() + at;
        undo_.emplace_back(at, std::vector<std::byte>(to, to + n));
        std::memcpy(to, data, n);
    }
    void put32(std::uint64_t at, std::uint32_t v) { put(at, &v, 4); }
    void put64(std::uint64_t at, std::uint64_t v) { put(at, &v, 8); }
    void put_garbage(std::uint64_t at, std::size_t n) {
        std::vector<unsigned char> garbage(n);
        for (auto& b : garbage) b = static_cast<unsigned char>(1 + prng.below(255));
        put(at, garbage.data(), n);
    }
    void put_zeros(std::uint64_t at, std::size_t n) {
        put(at, std::vector<std::byte>(n).data(), n);
    }
    std::uint64_t get64(std::uint64_t at) const {
        return PlainStore::number(subject.bytes(), at, 8);
    }

    // A number that is not `old`: a flipped bit, a neighbour, or anything.
    std::uint64_t other_number(std::uint64_t old, int bits) {
        for (;;) {
            std::uint64_t v = old;
            switch (prng.below(3)) {
                case 0:
                    v ^= std::uint64_t{1} << prng.below(static_cast<std::uint64_t>(bits));
                    break;
                case 1: v += prng.below(2) == 0 ? 1 + prng.below(64) : -(1 + prng.below(64)); break;
                case 2: v = prng.next() >> prng.below(64); break;
            }
            if (bits == 32) v &= 0xffffffff;
            if (v != old) return v;
        }
    }

    std::size_t any_record() { return prng.below(subject.plain.records.size()); }
    std::uint64_t old_chunk_limit() const { return limit_ / subject.chunk(); }

    const Subject& subject;
    Prng& prng;
    std::optional<Sectors> origin;        // given to check in half of the variants
    std::optional<std::uint64_t> cut_to;  // sectors that are left of the image

  private:
    std::uint64_t limit_;
    std::vector<std::pair<std::uint64_t, std::vector<std::byte>>> undo_;
};

inline Expected damage_magic(Variant& v) {
    const auto magic = static_cast<std::uint32_t>(v.other_number(0x70416e53, 32));
    v.put32(0, magic);
    return name_it(magic == 0 ? Kind::magic_zeroed : Kind::bad_magic, 0);
}

inline Expected damage_valid(Variant& v) {
    const auto valid = static_cast<std::uint32_t>(v.other_number(1, 32));
    v.put32(4, valid);
    return name_it(valid == 0 ? Kind::invalidated : Kind::invalid_flag, 4);
}

inline Expected damage_version(Variant& v) {
    v.put32(8, static_cast<std::uint32_t>(v.other_number(1, 32)));
    return name_it(Kind::bad_version, 8);
}

inline Expected damage_chunk_size(Variant& v) {
    const std::uint64_t before = v.subject.plain.chunk_size;
    std::uint64_t size = v.other_number(before, 32);
    if (v.prng.below(2) == 0) {
        do {
            size = std::uint64_t{1} << v.prng.below(24);
        } while (size == before);
    }
    v.put32(12, static_cast<std::uint32_t>(size));
    if (size == 0 || (size & (size - 1)) != 0 || size > 4194303)
        return name_it(Kind::bad_chunk_size, 12);
    if (v.subject.bytes().size() / (size * 512) < 2) return name_it(Kind::image_too_small, 12);
    if (!v.subject.plain.records.empty()) {
        return name_it(size > before ? Kind::chunk_size_changed : Kind::chunk_size_doubtful, 12);
    }
    // An empty list looks the same at any smaller chunk size; at a larger one, data may get in
    // view.
    return size < before ? say_clean : survive;
}

inline Expected wipe_header(Variant& v) {
    v.put_zeros(0, 512);
    return name_it(Kind::blank, 0);
}

inline Expected damage_header_tail(Variant& v) {
    const std::uint64_t at = 16 + v.prng.below(v.subject.chunk() - 16);
    v.put_garbage(at, std::min<std::uint64_t>(1 + v.prng.below(64), v.subject.chunk() - at));
    return name_it(Kind::header_not_zero, at);
}

inline Expected old_changed(Variant& v, std::size_t i, std::uint64_t value) {
    const auto& records = v.subject.plain.records;
    v.put64(records[i].byte, value);
    for (const auto& r : records) {
        if (r.old_chunk == value) return name_it(Kind::duplicate_old, records[i].byte);
    }
    if (value >= v.old_chunk_limit())
        return name_it(Kind::record_old_out_of_range, records[i].byte);
    return say_clean;  // another chunk of the origin: nothing on the medium contradicts it
}

inline Expected damage_old(Variant& v) {
    const std::size_t i = v.any_record();
    return old_changed(v, i, v.other_number(v.subject.plain.records[i].old_chunk, 64));
}

inline Expected repeat_old(Variant& v) {
    const std::size_t i = v.any_record();
    const std::size_t j = v.any_record();
    if (i == j) return old_changed(v, i, v.other_number(v.subject.plain.records[i].old_chunk, 64));
    return old_changed(v, i, v.subject.plain.records[j].old_chunk);
}

inline Expected record_zeroed(Variant& v, std::size_t i) {
    const auto& records = v.subject.plain.records;
    v.put_zeros(records[i].byte, 16);
    const bool last = i + 1 == records.size() || records[i + 1].byte != records[i].byte + 16;
    if (last) return say_clean;  // the list just ends earlier
    return name_it(
        records[i + 1].byte % 512 == 0 ? Kind::records_after_terminator : Kind::hole_in_list,
        records[i].byte);
}

inline Expected new_changed(Variant& v, std::size_t i, std::uint64_t value) {
    const auto& records = v.subject.plain.records;
    const std::uint64_t at = records[i].byte;
    v.put64(at + 8, value);
    if (value == 0) {
        return records[i].old_chunk == 0 ? record_zeroed(v, i)
                                         : name_it(Kind::terminator_not_zero, at);
    }
    if (value >> 56 != 0) return name_it(Kind::record_new_reserved, at);
    if (value >= v.subject.bytes().size() / v.subject.chunk())
        return name_it(Kind::record_new_out_of_range, at);
    if (value % v.subject.stride() == 1) return name_it(Kind::record_new_on_metadata, at);
    for (const auto& r : records) {
        if (r.new_chunk == value) return name_it(Kind::duplicate_new, at);
    }
    return name_it(Kind::record_new_out_of_place, at);
}

inline Expected damage_new(Variant& v) {
    const std::size_t i = v.any_record();
    return new_changed(v, i, v.other_number(v.subject.plain.records[i].new_chunk, 64));
}

inline Expected misdirect_new(Variant& v) {
    const std::size_t i = v.any_record();
    const std::uint64_t before = v.subject.plain.records[i].new_chunk;
    const std::uint64_t chunks = v.subject.bytes().size() / v.subject.chunk();
    std::uint64_t value = v.prng.below(chunks + 2);
    if (value == before) value = 1;
    return new_changed(v, i, value);
}

inline Expected zero_record(Variant& v) { return record_zeroed(v, v.any_record()); }

inline Expected garbage_record(Variant& v) {
    const std::uint64_t at = v.subject.plain.records[v.any_record()].byte;
    v.put_garbage(at, 16);
    return name_it(Kind::record_new_reserved, at);
}

inline Expected swap_records(Variant& v) {
    const auto& records = v.subject.plain.records;
    const std::size_t i = v.any_record();
    const std::size_t j = v.any_record();
    if (i == j) return zero_record(v);
    std::byte a[16];
    std::memcpy(a, v.subject.bytes().data() + records[i].byte, 16);
    v.put(records[i].byte, v.subject.bytes().data() + records[j].byte, 16);
    v.put(records[j].byte, a, 16);
    return name_it(Kind::not_in_allocation_order, std::min(records[i].byte, records[j].byte));
}

inline Expected copy_record(Variant& v) {
    const auto& records = v.subject.plain.records;
    const std::size_t i = v.any_record();
    const std::size_t j = v.any_record();
    if (i == j) return zero_record(v);
    v.put(records[i].byte, v.subject.bytes().data() + records[j].byte, 16);
    return name_it(Kind::duplicate_new, records[i].byte);
}

inline Expected garbage_sector(Variant& v) {
    const std::uint64_t at = v.subject.plain.records[v.any_record()].byte / 512 * 512;
    v.put_garbage(at, 512);
    return name_it(Kind::record_new_reserved, at);
}

inline Expected zero_sector(Variant& v) {
    const auto& records = v.subject.plain.records;
    const std::uint64_t at = records[v.any_record()].byte / 512 * 512;
    v.put_zeros(at, 512);
    for (const auto& r : records) {
        // The first record behind the sector in the same area shows that the list went on.
        if (r.byte == at + 512 && r.byte % v.subject.chunk() != 0) {
            return name_it(Kind::records_after_terminator, r.byte);
        }
    }
    return say_clean;
}

inline Expected damage_terminator(Variant& v) {
    const std::uint64_t at = v.subject.plain.terminator;
    const auto& records = v.subject.plain.records;
    switch (v.prng.below(4)) {
        case 0: {  // only the old chunk
            v.put64(at, 1 + v.prng.below(1000));
            return name_it(Kind::terminator_not_zero, at);
        }
        case 1: v.put_garbage(at, 16); return name_it(Kind::record_new_reserved, at);
        case 2: {  // a record that repeats another
            if (records.empty()) return survive;
            v.put(at, v.subject.bytes().data() + records[v.any_record()].byte, 16);
            return name_it(Kind::duplicate_new, at);
        }
        default: {  // one that might have been the next: not to be told from a true one
            std::uint64_t next = records.empty() ? 2 : records.back().new_chunk + 1;
            if (next % v.subject.stride() == 1) ++next;
            if (next >= v.subject.bytes().size() / v.subject.chunk()) return survive;
            std::set<std::uint64_t> used;
            for (const auto& r : records) used.insert(r.old_chunk);
            std::uint64_t old_chunk = 0;
            while (used.contains(old_chunk)) ++old_chunk;
            v.put64(at, old_chunk);
            v.put64(at + 8, next);
            if (old_chunk >= v.old_chunk_limit()) return name_it(Kind::record_old_out_of_range, at);
            // In the last slot of an area it makes the area full, and the next one is read.
            return (at + 16) % v.subject.chunk() == 0 ? survive : say_clean;
        }
    }
}

inline Expected damage_tail(Variant& v) {
    const std::uint64_t begin = v.subject.plain.terminator + 16;
    const std::uint64_t end = v.subject.plain.area_bytes.back() + v.subject.chunk();
    if (begin == end) return damage_header_tail(v);
    const std::uint64_t at = begin + v.prng.below(end - begin);
    v.put_garbage(at, std::min<std::uint64_t>(1 + v.prng.below(40), end - at));
    // A single byte can make a possible record of zeros; then it counts as one.
    const std::uint64_t record = at / 16 * 16;
    const std::uint64_t old_chunk = v.get64(record);
    const std::uint64_t new_chunk = v.get64(record + 8);
    const bool possible = new_chunk != 0 &&
                          new_chunk < v.subject.bytes().size() / v.subject.chunk() &&
                          new_chunk % v.subject.stride() != 1 && old_chunk < v.old_chunk_limit();
    if (!possible) return name_it(Kind::tail_not_zero, at);
    return name_it(record % 512 == 0 ? Kind::records_after_terminator : Kind::hole_in_list, record);
}

// As a power loss leaves it: of the last area write, only the later sectors arrived.
inline Expected tear_area_write(Variant& v) {
    const auto& records = v.subject.plain.records;
    const std::uint64_t area = v.subject.plain.area_bytes.back();
    const std::uint64_t sector = (v.subject.plain.terminator + 511) / 512 * 512;
    if (sector == v.subject.plain.terminator || sector >= area + v.subject.chunk())
        return zero_record(v);
    std::uint64_t next = (records.empty() ? 1 : records.back().new_chunk) +
                         (sector - v.subject.plain.terminator) / 16 + 1;
    if (next % v.subject.stride() == 1 || next >= v.subject.bytes().size() / v.subject.chunk())
        return zero_record(v);
    v.put64(sector, 0);
    v.put64(sector + 8, next);
    return name_it(Kind::records_after_terminator, sector);
}

inline Expected damage_elsewhere(Variant& v) {
    const std::uint64_t size = v.subject.bytes().size();
    for (int i = 0; i < 100; ++i) {
        const std::uint64_t at = v.prng.below(size);
        const std::uint64_t chunk = at / v.subject.chunk();
        const bool area_in_use = chunk % v.subject.stride() == 1 &&
                                 chunk / v.subject.stride() < v.subject.plain.area_bytes.size();
        if (chunk == 0 || area_in_use) continue;
        const std::uint64_t end = std::min(size, (chunk + 1) * v.subject.chunk());
        v.put_garbage(at, std::min<std::uint64_t>(1 + v.prng.below(4096), end - at));
        return say_clean;
    }
    return survive;  // an image of nothing but metadata
}

inline Expected cut_image(Variant& v) {
    const std::uint64_t sectors = v.subject.bytes().size() / 512;
    v.cut_to = 1 + v.prng.below(sectors);
    const std::uint64_t chunks = *v.cut_to / v.subject.plain.chunk_size;
    if (chunks < 2) return name_it(Kind::image_too_small, 12);
    const auto& plain = v.subject.plain;
    std::uint64_t areas = 0;
    while (areas < plain.area_bytes.size() && plain.area_bytes[areas] / v.subject.chunk() < chunks)
        ++areas;
    std::uint64_t loaded = 0;
    for (std::uint64_t a = 0; a < areas; ++a) loaded += plain.area_records[a];
    for (std::uint64_t i = 0; i < loaded; ++i) {
        if (plain.records[i].new_chunk >= chunks) {
            return name_it(Kind::record_new_out_of_range, plain.records[i].byte);
        }
    }
    if (areas < plain.area_bytes.size())
        return name_it(Kind::area_beyond_end, plain.records[loaded - 1].byte);
    return say_clean;
}

inline Expected storm(Variant& v) {
    const std::uint64_t n = 1 + v.prng.below(200);
    // Mostly where it hurts: the header and the areas.
    for (std::uint64_t i = 0; i < n; ++i) {
        const auto& areas = v.subject.plain.area_bytes;
        const std::uint64_t area = areas[v.prng.below(areas.size())];
        const std::uint64_t at = v.prng.below(4) == 0 ? v.prng.below(v.subject.bytes().size())
                                                      : area + v.prng.below(v.subject.chunk());
        v.put_garbage(at, 1);
    }
    return survive;
}

struct Row {
    const char* name;
    Expected (*damage)(Variant&);
    bool needs_records;
};
inline constexpr Row rows[] = {
    {"header: magic", damage_magic, false},
    {"header: valid", damage_valid, false},
    {"header: version", damage_version, false},
    {"header: chunk size", damage_chunk_size, false},
    {"header: sector zeroed", wipe_header, false},
    {"header: rest of the chunk", damage_header_tail, false},
    {"record: old chunk", damage_old, true},
    {"record: old chunk of another", repeat_old, true},
    {"record: new chunk", damage_new, true},
    {"record: new chunk misdirected", misdirect_new, true},
    {"record: zeroed", zero_record, true},
    {"record: garbage", garbage_record, true},
    {"records: two swapped", swap_records, true},
    {"records: one copied over another", copy_record, true},
    {"area: sector of garbage", garbage_sector, true},
    {"area: sector zeroed", zero_sector, true},
    {"area: last write torn", tear_area_write, true},
    {"terminator", damage_terminator, false},
    {"tail of the area", damage_tail, false},
    {"data and unused chunks", damage_elsewhere, false},
    {"image cut off", cut_image, false},
    {"storm", storm, false},
};

}  // namespace cowlab::store::test
