#include "world/cells.h"

#include <cstring>
#include <new>

#include "base/hash.h"
#include "base/prng.h"

namespace cowlab {

// In tag mode a buffer has a header in front, so that its cells can be found as roots. In byte
// mode real bytes keep themselves, and the buffer is page aligned as devices want it.
std::size_t Cells::buffer_bytes(Sectors count) const {
    if (mode_ == CellMode::tags) return buffer_header + count.value * sizeof(ContentId);
    const std::size_t bytes = count.bytes();
    return bytes < 4096 ? 4096 : bytes;
}

Payload Cells::allocate_cells(Sectors count) {
    void* p = arena_.allocate(buffer_bytes(count));
    if (p == nullptr) return {};
    auto* bytes = static_cast<std::byte*>(p);
    if (mode_ == CellMode::bytes) {
        std::memset(bytes, 0, count.bytes());
        return Payload::cells(bytes, sector_bytes);
    }
    auto* buffer = new (bytes) Buffer();
    buffer->count = count.value;
    buffers_.push_back(*buffer);
    std::memset(bytes + buffer_header, 0, count.value * sizeof(ContentId));
    return Payload::cells(bytes + buffer_header, sizeof(ContentId));
}

void Cells::free_cells(Payload cells, Sectors count) {
    if (cells.kind() != Payload::Kind::cells) return;
    if (mode_ == CellMode::bytes) {
        arena_.free(cells.data(), buffer_bytes(count));
        return;
    }
    auto* buffer = reinterpret_cast<Buffer*>(cells.data() - buffer_header);
    CHECK(buffer->count == count.value, "cells are freed as they were allocated");
    buffer->unlink();
    arena_.free(buffer, buffer_bytes(count));
}

void Cells::zero_cells(Payload payload, Sectors count) {
    if (payload.data() != nullptr) {
        std::memset(payload.data(), 0, count.value * payload.bytes_per_sector());
    }
}

void Cells::read_bytes(Payload payload, std::uint64_t index, std::uint8_t* bytes) const {
    const std::size_t stride = payload.bytes_per_sector();
    if (stride == 0) {
        std::memset(bytes, 0, sector_bytes);
        return;
    }
    const std::byte* p = payload.data() + index * stride;
    if (stride == sizeof(ContentId)) {
        bytes_of(load_le64(p), bytes);
    } else {
        std::memcpy(bytes, p, sector_bytes);
    }
}

void Cells::write_bytes(Payload payload, std::uint64_t index, const std::uint8_t* bytes) {
    std::byte* p = payload.data() + index * payload.bytes_per_sector();
    if (payload.bytes_per_sector() == sizeof(ContentId)) {
        store_le64(p, keep(bytes));
    } else {
        std::memcpy(p, bytes, sector_bytes);
    }
}

// ---- The bytes that no pattern explains -------------------------------------------------------

ContentId Cells::keep(const std::uint8_t* bytes) {
    const ContentId id = content_id(bytes);
    if (!is_other(id)) return id;
    if (table_size_ == 0 || kept_count_ * 2 >= table_size_) grow_or_collect();
    Kept* slot = find(id);
    if (slot->bytes == nullptr) {
        slot->id = id;
        slot->bytes = static_cast<std::uint8_t*>(arena_.allocate(sector_bytes));
        CHECK(slot->bytes != nullptr, "a world's arena has room for the bytes it keeps");
        std::memcpy(slot->bytes, bytes, sector_bytes);
        ++kept_count_;
    }
    return id;
}

Cells::Kept* Cells::find(ContentId id) const {
    for (std::uint64_t i = mix64(id) & (table_size_ - 1);; i = (i + 1) & (table_size_ - 1)) {
        if (table_[i].bytes == nullptr || table_[i].id == id) return &table_[i];
    }
}

void Cells::mark_used(ContentId id) {
    if (is_other(id)) find(id)->used = true;
}

void Cells::grow_or_collect() {
    const auto visit = [](void* self, ContentId id) { static_cast<Cells*>(self)->mark_used(id); };
    std::uint64_t used = 0;
    if (table_size_ > 0) {
        for (std::uint64_t i = 0; i < table_size_; ++i) table_[i].used = !dropping_;
        for (ContentHolder& h : holders_) h.for_each_content(visit, this);
        for (Buffer& b : buffers_) {
            const auto* cells = reinterpret_cast<const std::byte*>(&b) + buffer_header;
            for (std::uint64_t i = 0; i < b.count; ++i) {
                mark_used(load_le64(cells + i * sizeof(ContentId)));
            }
        }
        for (std::uint64_t i = 0; i < table_size_; ++i) {
            if (table_[i].bytes != nullptr && table_[i].used) ++used;
        }
    }
    std::uint64_t size = 64;
    while (size < used * 4) size *= 2;
    Kept* before = table_;
    const std::uint64_t before_size = table_size_;
    table_ = static_cast<Kept*>(arena_.allocate(size * sizeof(Kept)));
    CHECK(table_ != nullptr, "a world's arena has room for the table of kept bytes");
    table_size_ = size;
    kept_count_ = used;
    for (std::uint64_t i = 0; i < size; ++i) table_[i] = Kept{};
    for (std::uint64_t i = 0; i < before_size; ++i) {
        if (before[i].bytes == nullptr) continue;
        if (before[i].used) {
            *find(before[i].id) = before[i];
        } else {
            arena_.free(before[i].bytes, sector_bytes);
        }
    }
    arena_.free(before, before_size * sizeof(Kept));
}

void Cells::bytes_of(ContentId id, std::uint8_t* bytes) const {
    if (!is_other(id)) {
        materialise(id, bytes);
        return;
    }
    const Kept* slot = table_size_ == 0 ? nullptr : find(id);
    CHECK(slot != nullptr && slot->bytes != nullptr, "a content id in use has its bytes");
    std::memcpy(bytes, slot->bytes, sector_bytes);
}

SectorContent Cells::describe(ContentId id) const {
    if (!is_other(id)) return content_of(id);
    std::uint8_t bytes[sector_bytes];
    bytes_of(id, bytes);
    return recognise(bytes);
}

}  // namespace cowlab
