// What a `snapshot` or `snapshot-merge` line says, read in the constructor's order (spec §3.2,
// §18.2).
#pragma once

#include "engine/snapshot.h"

namespace cowlab {

struct SnapshotArguments {
    BlockDevice* origin = nullptr;
    BlockDevice* cow = nullptr;
    ExceptionStore* store = nullptr;
    bool supports_overflow = false;
    SnapshotFeatures features;
};

// ok with everything opened and the store created, or the errno and message the loader sees.
Constructed parse_snapshot_arguments(const TargetContext& context, SnapshotArguments& out);

// The same for both targets: `Type` is Snapshot or SnapshotMerge.
class SnapshotBuilder {
  public:
    template <class Type>
    static Constructed build(const TargetContext& context) {
        SnapshotArguments a;
        if (const Constructed c = parse_snapshot_arguments(context, a); c.error != Errc::ok)
            return c;
        Type* s = context.engine.memory.create<Type>(MemoryUse::target, context, *a.origin, *a.cow,
                                                     a.store, a.supports_overflow, a.features);
        if (s == nullptr) {
            a.store->destroy();
            return Constructed::failed(Errc::enomem, "Cannot allocate private snapshot structure");
        }
        return s->open_store();
    }
};

}  // namespace cowlab
