// One metadata chunk (header or area) in memory: bytes of which only a prefix may differ from zero.
//
// A chunk may be 1 GiB; its area rarely holds more than a few sectors of records. The buffer is
// address space for the whole chunk, but only touched up to the last record; writing it sends the
// prefix as bytes and the rest as zeros.
#pragma once

#include <cstring>

#include "engine/store_format.h"
#include "engine/sync_io.h"

namespace cowlab {

class MetadataBuffer {
  public:
    explicit MetadataBuffer(Engine& engine) : engine_(engine) {}
    ~MetadataBuffer() { release(); }
    MetadataBuffer(const MetadataBuffer&) = delete;
    MetadataBuffer& operator=(const MetadataBuffer&) = delete;

    Errc reserve(ChunkSize chunk_size) {
        release();
        data_ = static_cast<std::byte*>(
            engine_.memory.allocate(allocated_bytes(chunk_size), MemoryUse::store));
        if (data_ == nullptr) return Errc::enomem;
        chunk_size_ = chunk_size;
        used_ = 0;
        return Errc::ok;
    }

    void clear() { used_ = 0; }

    format::Record record(std::uint64_t index) const {
        if ((index + 1) * format::record_bytes > used_) return {};
        return format::Record::read(bytes(), index);
    }
    void set_record(std::uint64_t index, const format::Record& r) {
        touch((index + 1) * format::record_bytes);
        r.write(bytes(), index);
    }
    void clear_record(std::uint64_t index) {
        if ((index + 1) * format::record_bytes <= used_) format::Record{}.write(bytes(), index);
    }
    // Zeros from record `index` on; true if anything there was not zero.
    bool clear_from(std::uint64_t index) {
        const std::size_t from = index * format::record_bytes;
        if (from >= used_) return false;
        const bool dirty = !all_zero(bytes() + from, used_ - from);
        std::memset(bytes() + from, 0, used_ - from);
        return dirty;
    }

    // Fiber. Replaces the content by what the medium holds; on an error it is all zeros.
    Errc read(BlockDevice& device, Sectors start, Purpose purpose) {
        clear();
        if (const Errc e = read_pieces(device, start, purpose); e != Errc::ok) {
            clear();
            return e;
        }
        return Errc::ok;
    }

    // Fiber. The whole chunk, with PREFLUSH and FUA if `durable`.
    Errc write(BlockDevice& device, Sectors start, Purpose purpose, bool durable) const {
        const Sectors used = sectors_ceil(used_);
        const Sectors block = device.limits().logical_block;
        const Sectors head{(used.value + block.value - 1) / block.value * block.value};
        const Sectors whole = chunk_size_.sectors();
        // One request as long as the chunk is small, as the kernel makes it.
        const Sectors first = whole.value <= small_sectors ? whole : min(head, whole);
        if (first.value > 0) {
            zero_to(first.bytes());
            const Errc e = sync_io(engine_, device,
                                   {.op = Op::write,
                                    .purpose = purpose,
                                    .start = start,
                                    .length = first,
                                    .payload = payload(),
                                    .preflush = durable,
                                    .fua = durable});
            if (e != Errc::ok) return e;
        }
        if (first < whole) {
            return sync_io(engine_, device,
                           {.op = Op::write,
                            .purpose = purpose,
                            .start = start + first,
                            .length = whole - first,
                            .payload = Payload::zeros(),
                            .preflush = durable,
                            .fua = durable});
        }
        return Errc::ok;
    }

    format::Header header() const {
        return used_ < format::header_bytes ? format::Header{} : format::Header::read(bytes());
    }
    void set_header(const format::Header& h) {
        clear();
        touch(format::header_bytes);
        h.write(bytes());
    }

  private:
    // Below this an area is always sent as bytes.
    static constexpr std::uint64_t small_sectors = 2048;
    static constexpr Sectors bounce_sectors{2048};
    static constexpr std::size_t piece_alignment = 4096;

    // Memory aligns sectors to sectors, and blocks of a page and more to a page: what the port may
    // ask for (a device that asks for more copies what is smaller).
    static std::size_t allocated_bytes(ChunkSize c) { return c.bytes(); }
    std::byte* bytes() const { return data_; }
    Payload payload() const { return Payload::bytes(data_); }

    void zero_to(std::size_t end) const {
        if (end > used_) {
            std::memset(data_ + used_, 0, end - used_);
            used_ = end;
        }
    }
    void touch(std::size_t end) { zero_to(end); }

    Errc read_pieces(BlockDevice& device, Sectors start, Purpose purpose) {
        const Sectors whole = chunk_size_.sectors();
        for (Sectors at; at < whole; at += bounce_sectors) {
            const Sectors length = min(bounce_sectors, whole - at);
            // Behind what is used so far, and from there into place: what is all zeros, as most of
            // a large chunk is, then touches no memory of its own.
            const std::size_t behind =
                (used_ + piece_alignment - 1) / piece_alignment * piece_alignment;
            std::byte* landing = data_ + behind;
            const Errc e = sync_io(engine_, device,
                                   {.op = Op::read,
                                    .purpose = purpose,
                                    .start = start + at,
                                    .length = length,
                                    .payload = Payload::bytes(landing)});
            if (e != Errc::ok) return e;
            if (!all_zero(landing, length.bytes())) {
                if (behind != at.bytes()) std::memmove(data_ + at.bytes(), landing, length.bytes());
                zero_to(at.bytes());
                used_ = (at + length).bytes();
            }
        }
        return Errc::ok;
    }

    void release() {
        engine_.memory.free(data_, allocated_bytes(chunk_size_), MemoryUse::store);
        data_ = nullptr;
    }

    Engine& engine_;
    ChunkSize chunk_size_;
    std::byte* data_ = nullptr;
    // Bytes [0, used_) are content; everything after is zero whatever the memory holds.
    mutable std::size_t used_ = 0;
};

}  // namespace cowlab
