// Sector cells and what they stand for: the pool behind the engine's payloads (decision 2).
//
// A cell is 512 real bytes, or the 8-byte content id of what those bytes would be; the engine
// cannot tell. Content ids are defined in scenarios/pattern.h: a pattern word, zero, or the hash
// of other bytes; those bytes are kept here, once each, as long as anything refers to them: what
// nobody refers to is found and dropped when the table grows (roots: the disks and every buffer).
//
// Both modes give the same content ids, so the same digests.
#pragma once

#include "base/arena.h"
#include "base/bytes.h"
#include "base/intrusive_list.h"
#include "engine/port/payload.h"
#include "scenarios/pattern.h"

namespace cowlab {

enum class CellMode : std::uint8_t { tags, bytes };

// Somebody who keeps content ids: named as a root when unused bytes are dropped.
class ContentHolder : public ListNode<ContentHolder> {
  public:
    virtual void for_each_content(void (*visit)(void* context, ContentId id), void* context) = 0;

  protected:
    ~ContentHolder() = default;
};

class Cells final : public CellPool {
  public:
    Cells(Arena& arena, CellMode mode) : arena_(arena), mode_(mode) {}

    Payload allocate_cells(Sectors count) override;
    void free_cells(Payload cells, Sectors count) override;
    void zero_cells(Payload payload, Sectors count) override;

    CellMode mode() const { return mode_; }
    void add_holder(ContentHolder& holder) { holders_.push_back(holder); }

    // The content of sector `index` of a payload of any kind. Bytes that are no pattern are kept
    // from here on, so that the id can be turned back.
    ContentId content(Payload payload, std::uint64_t index) {
        const std::size_t stride = payload.bytes_per_sector();
        if (stride == 0) return zero_content;
        const std::byte* p = payload.data() + index * stride;
        if (stride == sizeof(ContentId)) return load_le64(p);
        return keep(reinterpret_cast<const std::uint8_t*>(p));
    }
    void set_content(Payload payload, std::uint64_t index, ContentId id) {
        const std::size_t stride = payload.bytes_per_sector();
        std::byte* p = payload.data() + index * stride;
        if (stride == sizeof(ContentId)) {
            store_le64(p, id);
        } else {
            bytes_of(id, reinterpret_cast<std::uint8_t*>(p));
        }
    }
    void read_bytes(Payload payload, std::uint64_t index, std::uint8_t* bytes) const;
    void write_bytes(Payload payload, std::uint64_t index, const std::uint8_t* bytes);

    ContentId keep(const std::uint8_t* bytes);
    void bytes_of(ContentId id, std::uint8_t* bytes) const;
    SectorContent describe(ContentId id) const;
    std::uint64_t kept() const { return kept_count_; }
    // While somebody collects ids that no holder has yet, nothing is dropped.
    void allow_dropping(bool allowed) { dropping_ = allowed; }

  private:
    struct Buffer : ListNode<> {
        std::uint64_t count = 0;
    };
    struct Kept {
        ContentId id = 0;
        std::uint8_t* bytes = nullptr;
        bool used = false;
    };
    static constexpr std::size_t buffer_header = 64;
    std::size_t buffer_bytes(Sectors count) const;
    Kept* find(ContentId id) const;
    void grow_or_collect();
    void mark_used(ContentId id);

    Arena& arena_;
    CellMode mode_;
    List<Buffer> buffers_;
    List<ContentHolder, ContentHolder> holders_;
    Kept* table_ = nullptr;
    std::uint64_t table_size_ = 0;
    std::uint64_t kept_count_ = 0;
    bool dropping_ = true;
};

}  // namespace cowlab
