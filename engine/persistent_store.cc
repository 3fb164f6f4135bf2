// The persistent exception store (spec §9): header, areas, group commit, merge.
//
// Why the order of a commit is what it is: the area write carries PREFLUSH, so the copied data of
// every record in it, and the zeroed next area, are durable before the records are; and FUA, so the
// records are durable before anybody who depends on them is told.
#include <algorithm>

#include "engine/exception_store.h"
#include "engine/metadata_buffer.h"

namespace cowlab {
namespace {

using format::Header;
using format::Record;

class PersistentStore final : public ExceptionStore {
  public:
    PersistentStore(Engine& engine, DeviceNumber owner, BlockDevice& cow, Sectors origin_block,
                    ChunkSize chunk_size)
        : ExceptionStore(engine, owner, cow, chunk_size),
          origin_block_(origin_block),
          area_(engine),
          header_(engine) {}

    LoadResult read_metadata(LoadVisitor& visitor, Errc& error) override;
    bool prepare_exception(StoredException& e) override;
    void commit_exception(StoredException& e, bool ok) override;
    bool can_merge() const override { return true; }
    MergeRun prepare_merge() override;
    Errc commit_merge(std::uint64_t chunks) override;
    bool is_in_doubt() const override { return area_in_doubt_; }
    void drop_snapshot() override;
    StoreUsage usage() const override;
    char letter() const override { return 'P'; }
    void destroy() override { engine_.memory.destroy(this, MemoryUse::store); }

  private:
    void log(std::string_view text) {
        Text<200> line;
        line << "device-mapper: persistent snapshot: " << text;
        engine_.events.log(line.view());
    }
    void log(std::string_view before, std::uint64_t number, std::string_view after) {
        Text<160> line;
        line << before << number << after;
        log(line.view());
    }
    std::uint64_t records_per_area() const { return format::records_per_area(chunk_size_); }
    Sectors area_start(std::uint64_t area) const {
        return chunk_size_.start_of(format::area_chunk(chunk_size_, area));
    }
    void skip_metadata_chunk() {
        if (next_free_.value % format::area_stride(chunk_size_) == 1) {
            next_free_ = next_free_ + 1;
            engine_.mark(Mark::allocation_skips_area);
        }
    }

    Errc read_header(bool supplied, bool& is_new, Header& header);
    Errc reserve_buffers();
    Errc take_chunk_size(std::uint32_t sectors, bool supplied);
    Errc write_header(std::uint32_t valid, bool durable);
    Errc zero_area(std::uint64_t area);
    Errc format_new_store();
    Errc read_areas(LoadVisitor& visitor);
    static constexpr std::uint64_t records_expected = 32;
    void expect_records(const LoadVisitor& visitor) const;
    Errc load_records(LoadVisitor& visitor, std::uint64_t area, bool& full);
    Errc check_record(const Record& r, LoadVisitor& visitor, std::uint64_t area,
                      std::uint64_t index);
    Errc write_area(Purpose purpose) {
        return area_.write(*cow_, area_start(current_area_), purpose, true);
    }
    void flush_batch(bool full);
    Errc clear_tail();
    bool next_area_missing() const;
    void leave_full_area();

    Sectors origin_block_;
    MetadataBuffer area_;
    // A buffer of its own: an invalidation may write the header while a commit writes an area
    // (B19).
    MetadataBuffer header_;
    bool valid_ = false;
    std::uint64_t current_area_ = 0;
    std::uint64_t committed_ = 0;  // records in the current area
    ChunkIndex next_free_ = format::first_data_chunk;
    std::uint64_t pending_ = 0;  // prepared and not committed
    std::uint64_t batch_size_ = 0;
    List<StoredException> batch_;  // committed, waiting for the area write
    bool tail_on_medium_ = false;  // D3: behind the last record, of an area write that was torn
    bool area_in_doubt_ = false;   // D4: memory and medium may differ: written again before merging
};

// ---- Loading ----------------------------------------------------------------------------------

LoadResult PersistentStore::read_metadata(LoadVisitor& visitor, Errc& error) {
    const bool supplied = chunk_size_.is_set();
    if (!supplied) {
        chunk_size_ = ChunkSize(max(format::chunk_size_default, cow_->limits().logical_block));
        engine_.mark(Mark::load_default_chunk);
    }
    bool is_new = false;
    Header header{};
    if (error = read_header(supplied, is_new, header); error != Errc::ok) return LoadResult::failed;
    if (is_new) {
        engine_.mark(Mark::load_new);
        error = format_new_store();
        return error == Errc::ok ? LoadResult::ok : LoadResult::failed;
    }
    if (header.version != format::version) {
        engine_.mark(Mark::load_bad_version);
        log("unable to handle snapshot disk version ", header.version, "");
        error = Errc::einval;
        return LoadResult::failed;
    }
    valid_ = header.valid != 0;
    if (!valid_) {
        engine_.mark(Mark::load_invalid);
        return LoadResult::invalid;
    }
    error = read_areas(visitor);
    return error == Errc::ok ? LoadResult::ok : LoadResult::failed;
}

Errc PersistentStore::read_header(bool supplied, bool& is_new, Header& header) {
    if (const Errc e = reserve_buffers(); e != Errc::ok) return e;
    // The whole chunk, although only 16 bytes count: a COW device without room for it is refused.
    if (const Errc e = header_.read(*cow_, {0}, Purpose::header_read); e != Errc::ok) {
        engine_.mark(Mark::load_header_error);
        return e;
    }
    header = header_.header();
    if (header.magic == 0) {
        is_new = true;
        return Errc::ok;
    }
    if (header.magic != format::magic) {
        engine_.mark(Mark::load_bad_magic);
        log("Invalid or corrupt snapshot");
        return Errc::enxio;
    }
    return take_chunk_size(header.chunk_size, supplied);
}

// The chunk size on the medium wins over the table's (spec §9.6.5).
Errc PersistentStore::take_chunk_size(std::uint32_t sectors, bool supplied) {
    const Sectors size{sectors};
    if (chunk_size_.sectors() == size) return Errc::ok;
    if (supplied) {
        engine_.mark(Mark::load_size_overridden);
        Text<120> line;
        line << "chunk size " << sectors << " in device metadata overrides table chunk size of "
             << chunk_size_.sectors().value << ".";
        log(line.view());
    }
    if (const char* problem =
            chunk_size_problem(size, origin_block_, cow_->limits().logical_block)) {
        engine_.mark(Mark::load_size_invalid);
        Text<120> line;
        line << "invalid on-disk chunk size " << sectors << ": " << problem << ".";
        log(line.view());
        return Errc::einval;
    }
    chunk_size_ = ChunkSize(size);
    return reserve_buffers();
}

Errc PersistentStore::reserve_buffers() {
    // Linux takes three chunks at once (area, zeros, header) and fails where the machine cannot
    // give them (spec §9.6.2); the answer is visible, so it is the same here.
    if (!engine_.memory.could_hold(3 * chunk_size_.bytes())) return Errc::enomem;
    if (const Errc e = area_.reserve(chunk_size_); e != Errc::ok) return e;
    return header_.reserve(chunk_size_);
}

Errc PersistentStore::format_new_store() {
    valid_ = true;
    current_area_ = committed_ = 0;
    if (!engine_.policy.d1_new_store_ordered) {
        if (const Errc e = write_header(1, false); e != Errc::ok) return e;
        return zero_area(0);
    }
    // D1: a header must never be durable over an area that holds old bytes.
    engine_.deviate(owner_, 1);
    if (const Errc e = zero_area(0); e != Errc::ok) return e;
    if (sync_flush(engine_, *cow_, Purpose::area_zeroing) != Errc::ok) return Errc::eio;
    return write_header(1, true);
}

Errc PersistentStore::write_header(std::uint32_t valid, bool durable) {
    header_.set_header({format::magic, valid, format::version,
                        static_cast<std::uint32_t>(chunk_size_.sectors().value)});
    return header_.write(*cow_, {0}, Purpose::header_write, durable);
}

Errc PersistentStore::zero_area(std::uint64_t area) {
    const Errc e = sync_io(engine_, *cow_,
                           {.op = Op::write,
                            .purpose = Purpose::area_zeroing,
                            .start = area_start(area),
                            .length = chunk_size_.sectors(),
                            .payload = Payload::zeros()});
    if (e != Errc::ok) log("zero_disk_area(", area, ") failed");
    return e;
}

Errc PersistentStore::read_areas(LoadVisitor& visitor) {
    next_free_ = format::first_data_chunk;
    bool full = true;
    for (current_area_ = 0; full; ++current_area_) {
        if (const Errc e = area_.read(*cow_, area_start(current_area_), Purpose::area_read);
            e != Errc::ok) {
            engine_.mark(Mark::load_area_error);
            return e;
        }
        if (const Errc e = load_records(visitor, current_area_, full); e != Errc::ok) return e;
        if (full) engine_.mark(Mark::load_area_full);
    }
    --current_area_;
    if (engine_.policy.d3_load_validates && area_.clear_from(committed_)) {
        engine_.deviate(owner_, 3);
        tail_on_medium_ = true;
    }
    // The next free chunk is never a metadata chunk (omitting this was CVE-2013-4299, B30).
    if (next_free_.value % format::area_stride(chunk_size_) == 1)
        engine_.mark(Mark::load_skips_area);
    skip_metadata_chunk();
    return Errc::ok;
}

// A million scattered records are a million places in memory: they are fetched many at a time.
void PersistentStore::expect_records(const LoadVisitor& visitor) const {
    const std::uint64_t until = std::min(committed_ + records_expected, records_per_area());
    for (unsigned step = 0; step < LoadVisitor::expect_steps; ++step) {
        for (std::uint64_t i = committed_; i < until; ++i) {
            visitor.expect(area_.record(i).old_chunk, step);
        }
    }
}

Errc PersistentStore::load_records(LoadVisitor& visitor, std::uint64_t area, bool& full) {
    for (committed_ = 0; committed_ < records_per_area(); ++committed_) {
        if (committed_ % records_expected == 0) expect_records(visitor);
        const Record r = area_.record(committed_);
        if (r.ends_list()) {
            full = false;
            return Errc::ok;
        }
        if (engine_.policy.d3_load_validates) {
            if (const Errc e = check_record(r, visitor, area, committed_); e != Errc::ok) return e;
        }
        if (r.new_chunk >= next_free_) {
            next_free_ = r.new_chunk.value == UINT64_MAX ? r.new_chunk : r.new_chunk + 1;
        }
        // In a store that nobody validates the top byte would be taken for a run length (L9).
        const ChunkIndex new_chunk{r.new_chunk.value % format::chunk_number_limit};
        if (const Errc e = visitor.loaded(r.old_chunk, new_chunk); e != Errc::ok) return e;
    }
    full = true;
    return Errc::ok;
}

Errc PersistentStore::check_record(const Record& r, LoadVisitor& visitor, std::uint64_t area,
                                   std::uint64_t index) {
    const Sectors size = cow_->capacity();
    const char* problem = nullptr;
    if (r.new_chunk.value >= format::chunk_number_limit) {
        problem = "new chunk is not a chunk number";
    } else if (r.new_chunk < format::first_data_chunk ||
               format::is_metadata_chunk(chunk_size_, r.new_chunk)) {
        problem = "new chunk is a metadata chunk";
    } else if (r.new_chunk.value >= size.value / chunk_size_.sectors().value) {
        problem = "new chunk lies outside the COW device";
    } else if (visitor.is_duplicate(r.old_chunk)) {
        problem = "old chunk has a record already";
    }
    if (problem == nullptr) return Errc::ok;
    engine_.mark(Mark::load_record_refused);
    engine_.deviate(owner_, 3);
    Text<160> line;
    line << "area " << area << " record " << index << ": " << problem;
    log(line.view());
    return Errc::einval;
}

// ---- Making exceptions ------------------------------------------------------------------------

// D9: the record of this exception would fill its area, and the next area would not fit.
bool PersistentStore::next_area_missing() const {
    const std::uint64_t index = committed_ + pending_;
    const std::uint64_t per_area = records_per_area();
    if (index % per_area != per_area - 1) return false;
    const std::uint64_t next_area = current_area_ + index / per_area + 1;
    return area_start(next_area) + chunk_size_.sectors() > cow_->capacity();
}

// A merge that stepped back into a full area and failed there leaves the store in front of nothing:
// whoever makes exceptions with it afterwards begins the next area, which the merge emptied.
void PersistentStore::leave_full_area() {
    if (committed_ < records_per_area() || batch_size_ > 0) return;  // (or a batch is filling it)
    CHECK(pending_ == 0, "INV-9: an area that is full has been left before anybody prepares");
    ++current_area_;
    committed_ = 0;
    area_.clear();
}

bool PersistentStore::prepare_exception(StoredException& e) {
    leave_full_area();
    if (next_free_ >= chunk_size_.chunk_floor(cow_->capacity())) {  // no whole chunk left
        engine_.mark(Mark::allocation_full);
        return false;
    }
    if (engine_.policy.d9_next_area_checked && next_area_missing()) {
        engine_.deviate(owner_, 9);
        engine_.mark(Mark::allocation_full);
        return false;
    }
    e.new_chunk = next_free_;
    next_free_ = next_free_ + 1;
    skip_metadata_chunk();
    ++pending_;
    CHECK(!format::is_metadata_chunk(chunk_size_, e.new_chunk),
          "INV-2: data is never stored on a metadata chunk");
    return true;
}

void PersistentStore::commit_exception(StoredException& e, bool ok) {
    CHECK(pending_ > 0, "INV-7: every exception committed was prepared");
    if (!ok) {
        valid_ = false;
        engine_.mark(Mark::commit_not_ok);
    }
    area_.set_record(committed_++, {e.old_chunk, e.new_chunk});
    batch_.push_back(e);
    ++batch_size_;
    --pending_;
    const bool full = committed_ == records_per_area();
    // Group commit: as long as somebody else is still on the way, the area is written once for all.
    if (pending_ > 0 && !full) {
        engine_.mark(Mark::commit_waits_for_others);
        return;
    }
    if (valid_ && clear_tail() != Errc::ok) {
        engine_.mark(Mark::commit_area_failed);
        valid_ = false;
    }
    flush_batch(full);
}

void PersistentStore::flush_batch(bool full) {
    if (full) {
        engine_.mark(Mark::commit_area_full);
        // Before the full area: a reader stops at the first empty record, and stale ones in the
        // next area would be read as real (B22).
        if (zero_area(current_area_ + 1) != Errc::ok) {
            engine_.mark(Mark::commit_zeroing_failed);
            valid_ = false;
        }
    }
    if (valid_) {
        if (write_area(Purpose::area_write) == Errc::ok) {
            engine_.mark(Mark::commit_area_written);
        } else {
            engine_.mark(Mark::commit_area_failed);
            valid_ = false;
        }
    }
    if (full) {
        committed_ = 0;
        ++current_area_;
        area_.clear();
    }
    if (batch_size_ > 1) engine_.mark(Mark::commit_batch);
    CHECK(batch_size_ <= records_per_area(), "INV-8: a batch never exceeds an area");
    List<StoredException> batch;
    batch.splice_back(batch_);
    batch_size_ = 0;
    // A callback may prepare new exceptions (H13); this batch is out of reach by then.
    while (!batch.empty()) {
        StoredException& e = batch.pop_front();
        e.committed(e, valid_);
    }
}

// D3: what a torn area write left behind the end of the list is gone from memory, not from the
// medium. The first write that makes the list longer may be torn as well: its records reach up to
// the end of a sector, the zeros behind them are lost, and a load takes the old tail for more of
// the list. So the area is written as it was loaded first; torn or not, that leaves the same list.
Errc PersistentStore::clear_tail() {
    if (!tail_on_medium_) return Errc::ok;
    std::uint64_t index = committed_ - batch_size_;
    for (std::uint64_t i = index; i < committed_; ++i) area_.clear_record(i);
    const Errc e = write_area(Purpose::area_write);
    for (const StoredException& b : batch_) area_.set_record(index++, {b.old_chunk, b.new_chunk});
    if (e == Errc::ok) tail_on_medium_ = false;
    return e;
}

void PersistentStore::drop_snapshot() {
    valid_ = false;
    bool durable = false;
    if (engine_.policy.d2_invalid_header_durable) {
        // D2: whoever waits for this call may overwrite the origin afterwards; the header must not
        // be in a cache then.
        engine_.deviate(owner_, 2);
        durable = true;
    }
    if (write_header(0, durable) == Errc::ok) {
        engine_.mark(Mark::dropped);
    } else {
        engine_.mark(Mark::drop_failed);
        log("write header failed");
    }
}

StoreUsage PersistentStore::usage() const {
    // A destination that waits for its handover has a store without a chunk size: nothing is used.
    if (!chunk_size_.is_set()) return {{0}, cow_->capacity(), {0}};
    return {chunk_size_.start_of(next_free_), cow_->capacity(),
            chunk_size_.length_of(current_area_ + 1 + 1)};
}

// ---- Merging ----------------------------------------------------------------------------------

MergeRun PersistentStore::prepare_merge() {
    if (area_in_doubt_) {
        // D4: an erase that failed may have reached the medium all the same; the records that
        // memory still has are put back first, so that both agree before anything is merged.
        engine_.deviate(owner_, 4);
        if (const Errc e = write_area(Purpose::area_write); e != Errc::ok) return {{}, {}, 0, e};
        area_in_doubt_ = false;
    }
    if (committed_ == 0) {
        if (current_area_ == 0) {
            engine_.mark(Mark::prepare_merge_empty);
            return {};
        }
        engine_.mark(Mark::prepare_merge_steps_back);
        --current_area_;
        if (const Errc e = area_.read(*cow_, area_start(current_area_), Purpose::area_read);
            e != Errc::ok) {
            engine_.mark(Mark::prepare_merge_read_error);
            if (engine_.policy.d4_merge_rolls_back) {
                engine_.deviate(owner_, 4);
                ++current_area_;  // and the next attempt reads it again
            }
            return {{}, {}, 0, e};
        }
        committed_ = records_per_area();
    }
    const Record last = area_.record(committed_ - 1);
    MergeRun run{last.old_chunk, last.new_chunk, 1, Errc::ok};
    while (run.chunks < committed_) {
        const Record r = area_.record(committed_ - 1 - run.chunks);
        if (r.old_chunk + run.chunks != last.old_chunk ||
            r.new_chunk + run.chunks != last.new_chunk) {
            break;
        }
        ++run.chunks;
    }
    if (run.chunks > 1) engine_.mark(Mark::prepare_merge_run);
    return run;
}

Errc PersistentStore::commit_merge(std::uint64_t chunks) {
    CHECK(chunks > 0 && chunks <= committed_, "INV-31: records are erased from the end of an area");
    const Record last = area_.record(committed_ - 1);
    for (std::uint64_t i = 0; i < chunks; ++i) area_.clear_record(committed_ - 1 - i);
    if (const Errc e = write_area(Purpose::area_write); e != Errc::ok) {
        engine_.mark(Mark::commit_merge_failed);
        if (engine_.policy.d4_merge_rolls_back) {
            engine_.deviate(owner_, 4);
            for (std::uint64_t i = 0; i < chunks; ++i) {
                area_.set_record(committed_ - 1 - i, {last.old_chunk - i, last.new_chunk - i});
            }
            // The erase may have reached the medium although it failed (L11). Put the records back
            // at once; if that fails as well nobody knows what the medium says.
            area_in_doubt_ = write_area(Purpose::area_write) != Errc::ok;
        }
        return e;
    }
    committed_ -= chunks;
    // Only for the status from here on: nothing is allocated while merging.
    next_free_ = format::area_chunk(chunk_size_, current_area_) + committed_ + 1;
    return Errc::ok;
}

}  // namespace

ExceptionStore* create_persistent_store(Engine& engine, DeviceNumber owner, BlockDevice& cow,
                                        Sectors origin_block, ChunkSize chunk_size) {
    return engine.memory.create<PersistentStore>(MemoryUse::store, engine, owner, cow, origin_block,
                                                 chunk_size);
}

const char* chunk_size_problem(Sectors size, Sectors origin_block, Sectors cow_block) {
    if (size.value == 0 || !std::has_single_bit(size.value))
        return "Chunk size is not a power of 2";
    if (!is_multiple_of(size, origin_block) || !is_multiple_of(size, cow_block)) {
        return "Chunk size is not a multiple of device blocksize";
    }
    if (size > format::chunk_size_max) return "Chunk size is too high";
    return nullptr;
}

}  // namespace cowlab
