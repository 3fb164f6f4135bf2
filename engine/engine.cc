#include "engine/engine.h"

namespace cowlab {

void LaterCompletions::complete(Bio& bio) {
    finished_.push_back(bio);
    if (!task_.is_linked()) executor_.post(task_);
}

void LaterCompletions::run(Task& task) {
    auto& self = *static_cast<OwnedTask&>(task).owner;
    // Only what is there now: a bio that finishes meanwhile has its own later turn.
    List<Bio> now;
    now.splice_back(self.finished_);
    while (!now.empty()) {
        Bio& bio = now.pop_front();
        bio.done(bio);
    }
}

}  // namespace cowlab
