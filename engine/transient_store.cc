// The transient exception store (spec §9.10): space and nothing else; gone with its table.
#include "engine/exception_store.h"

namespace cowlab {
namespace {

class TransientStore final : public ExceptionStore {
  public:
    TransientStore(Engine& engine, DeviceNumber owner, BlockDevice& cow, ChunkSize chunk_size)
        : ExceptionStore(engine, owner, cow, chunk_size) {}

    LoadResult read_metadata(LoadVisitor&, Errc&) override { return LoadResult::ok; }

    bool prepare_exception(StoredException& e) override {
        const Sectors size = cow_->capacity();
        if (size < next_free_ + chunk_size_.sectors()) {
            engine_.mark(Mark::transient_full);
            return false;
        }
        engine_.mark(Mark::transient_allocated);
        e.new_chunk = chunk_size_.chunk_floor(next_free_);
        next_free_ += chunk_size_.sectors();
        return true;
    }
    void commit_exception(StoredException& e, bool ok) override { e.committed(e, ok); }
    bool can_merge() const override { return false; }
    MergeRun prepare_merge() override { return {{}, {}, 0, Errc::einval}; }
    Errc commit_merge(std::uint64_t) override { return Errc::einval; }
    void drop_snapshot() override {}
    StoreUsage usage() const override { return {next_free_, cow_->capacity(), {0}}; }
    char letter() const override { return 'N'; }
    void destroy() override { engine_.memory.destroy(this, MemoryUse::store); }

  private:
    Sectors next_free_;
};

}  // namespace

ExceptionStore* create_transient_store(Engine& engine, DeviceNumber owner, BlockDevice& cow,
                                       ChunkSize chunk_size) {
    return engine.memory.create<TransientStore>(MemoryUse::store, engine, owner, cow, chunk_size);
}

}  // namespace cowlab
