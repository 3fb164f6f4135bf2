#include "sim/crash/crash_explorer.h"

#include <algorithm>

#include "sim/crash/crash_columns.h"
#include "sim/crash/crash_continuation.h"
#include "sim/crash/crash_walk.h"
#include "sim/scenario_run.h"
#include "world/read_back.h"

namespace cowlab {
namespace {

std::uint64_t key_of(std::uint32_t actor, Sectors sector) {
    return mix64(std::uint64_t{actor} << 32 ^ sector.value);
}

bool is_metadata(Purpose p) {
    switch (p) {
        case Purpose::header_write:
        case Purpose::area_write:
        case Purpose::area_zeroing: return true;
        default: return false;
    }
}

bool is_table_verb(Verb verb) {
    return verb == Verb::suspend || verb == Verb::remove || verb == Verb::load ||
           verb == Verb::resume;
}

CrashEventClass class_of(const Bio& bio, Moment moment) {
    const bool issued = moment == Moment::issued;
    if (bio.op == Op::flush) return CrashEventClass::flush_done;
    if (is_metadata(bio.purpose))
        return issued ? CrashEventClass::metadata_issued : CrashEventClass::metadata_done;
    if (bio.purpose == Purpose::forwarded || bio.purpose == Purpose::discard)
        return issued ? CrashEventClass::origin_issued : CrashEventClass::origin_done;
    return issued ? CrashEventClass::data_issued : CrashEventClass::data_done;
}

}  // namespace

CrashExplorer::CrashExplorer(SimHost& host, const CrashOptions& options)
    : host_(host), options_(options), paths_(options.depth + 1) {
    for (std::uint32_t i = 0; i < options.depth; ++i) frames_.push_back(std::make_unique<Frame>());
    loss_.verb = Verb::power_loss;
    reload_.verb = Verb::reload;
    check_.verb = Verb::check;
}

void CrashExplorer::run_begins(SimWorld& sim, ModelJudge* judge) {
    sim_ = &sim;
    judge_ = judge;
    watching_ = judge != nullptr;
    depth_ = 0;
    paths_[0] = {};
    sim.world().set_onlooker(this);
}

void CrashExplorer::line_begins(const Step& step) {
    Path& path = paths_[depth_];
    path.lines.push_back(&step);
    path.counts.clear();
}

// ---- Moments ----------------------------------------------------------------------------------

void CrashExplorer::request_issued(std::uint32_t actor, const Bio& bio) {
    note(actor, bio, Moment::issued);
}
void CrashExplorer::request_done(std::uint32_t actor, const Bio& bio) {
    note(actor, bio, Moment::done);
}

void CrashExplorer::note(std::uint32_t actor, const Bio& bio, Moment moment) {
    if (!watching_) return;
    std::vector<DiskCount>& counts = paths_[depth_].counts;
    std::uint32_t index = 0;
    std::string_view name;
    for (const BaseDisk& d : sim_->world().disks()) {
        if (d.actor == actor) {
            name = d.name_view();
            break;
        }
        ++index;
    }
    if (counts.size() <= index) counts.resize(index + 1);
    DiskCount& count = counts[index];
    const std::uint64_t nth = moment == Moment::issued ? ++count.issued : ++count.done;
    const bool matters = bio.op == Op::flush ? moment == Moment::done : bio.op != Op::read;
    if (!matters || depth_ >= frames_.size()) return;
    CrashMoment& m = frames_[depth_]->moment;
    m.disk.assign(name);
    m.nth = nth;
    m.moment = moment;
    m.line = paths_[depth_].lines.size() - 1;
    last_event_ = depth_ == 0 ? class_of(bio, moment) : CrashEventClass::in_recovery;
    sim_->request_visit(*this);
}

void CrashExplorer::between_turns() {
    if (sim_->has_failed_check() || judge_->verdict().failed) return;
    if (depth_ == 0 && mix64(options_.salt + ++events_) % options_.one_in != 0) return;
    if (branches_ >= options_.branches_in_all) return;
    Frame& f = *frames_[depth_];
    f.coverage = &report_.of[static_cast<std::size_t>(last_event_)];
    ++f.coverage->events;
    f.branches = 0;
    f.is_dirty = false;
    f.saved.save(host_, *sim_);
    ++depth_;
    watching_ = false;
    explore(f);
    restore(f);
    watching_ = true;
    branches_ += f.branches;
    --depth_;
    if (on_progress) on_progress(report_);
}

// ---- The states of one moment -----------------------------------------------------------------

void CrashExplorer::explore(Frame& f) {
    f.space.collect(sim_->world(), options_.reduce.content);
    if (options_.on_state) {
        f.base_image = depth_;
        for (const BaseDisk& d : sim_->world().disks())
            f.base_image +=
                mix64(static_cast<const SimDisk*>(d.medium)->durable_digest() + d.actor);
    }
    f.is_dirty = true;
    f.coverage->raw += f.space.raw_states();
    if (options_.only_images) {
        ++point_;
        CrashWalk walk(f.space);
        std::uint64_t n = 0;
        do {
            options_.on_state({point_, walk.image() + f.base_image, true, false});
        } while (++n < options_.states_per_leaf && walk.next());
        return;
    }
    // The same disks, open units and judge as at a moment before: nothing is new.
    std::uint64_t point = 0;
    if (options_.reduce.identical) {
        Digest d;
        d.add(f.space.digest());
        d.add(depth_);
        const CrashAssignment nothing(f.space.units().size(), 0);
        choose_survivors(f, nothing);
        sim_->guarded([&] { run_line(loss_); });
        d.add(state_digest());
        point = d.value();
        if (const auto seen = points_seen_.find(point); seen != points_seen_.end()) {
            f.coverage->represented += f.space.raw_states() * seen->second;
            if (seen->second < 1) ++f.coverage->cut;
            return;
        }
    }
    ++f.coverage->points;
    ++point_;
    const CrashCount before = f.coverage->represented;
    CrashAssignment a(f.space.units().size(), symbol);
    std::vector<std::uint32_t> known;
    for (std::uint32_t u = 0; u < a.size(); ++u) {
        const CrashUnit& unit = f.space.units()[u];
        bool is_metadata = !options_.reduce.read_set && !options_.reduce.protected_store;
        for (std::uint32_t k = 0; k < unit.sector_count; ++k)
            is_metadata =
                is_metadata || metadata_.count(key_of(unit.actor, f.space.sector(unit, k))) != 0;
        if (is_metadata) known.push_back(u);
    }
    f.is_cut = false;
    every_combination(f, known, a, [&](CrashCount) { explore_assignment(f, a); });
    if (f.is_cut) ++f.coverage->cut;
    if (options_.reduce.identical) {
        points_seen_[point] =
            f.is_cut ? (f.coverage->represented - before) / f.space.raw_states() : 1;
    }
}

// Units that are no symbols have their version; what about the others?
void CrashExplorer::explore_assignment(Frame& f, CrashAssignment& a) {
    CrashCount open = 1;
    CrashCount weight = f.space.weight_without_choice();
    std::vector<std::uint32_t> units;
    for (std::uint32_t u = 0; u < a.size(); ++u) {
        const CrashUnit& unit = f.space.units()[u];
        if (a[u] != symbol) {
            weight *= f.space.version(unit, static_cast<std::uint32_t>(a[u])).weight;
            continue;
        }
        open *= unit.version_count;
        units.push_back(u);
    }
    if (open <= 2) {  // not worth a branch with symbols
        bool first = true;
        every_combination(f, units, a, [&](CrashCount w) {
            judge_state(f, a, first);
            f.coverage->represented += weight * w;
            first = false;
        });
        return;
    }
    run_symbolic(f, a);
    if (f.lens.read_as_metadata().empty()) {
        explore_leaf(f, a);
        return;
    }
    const std::vector<std::uint32_t> split = f.lens.read_as_metadata();
    for (const std::uint32_t u : split) {
        const CrashUnit& unit = f.space.units()[u];
        for (std::uint32_t k = 0; k < unit.sector_count; ++k)
            metadata_.insert(key_of(unit.actor, f.space.sector(unit, k)));
    }
    every_combination(f, split, a, [&](CrashCount) { explore_assignment(f, a); });
}

// Everything the engine does is known; what of the data is shown where is in the lens.
void CrashExplorer::explore_leaf(Frame& f, CrashAssignment& a) {
    const CrashReductions& reduce = options_.reduce;
    const CrashColumns columns(f.space, f.lens, a, reduce.protected_store);
    const std::uint64_t status = options_.on_view ? status_digest() : 0;
    CrashCount weight = f.space.weight_without_choice() * columns.weight_of_others();
    for (std::uint32_t u = 0; u < a.size(); ++u) {
        if (a[u] == symbol) continue;
        weight *= f.space.version(f.space.units()[u], static_cast<std::uint32_t>(a[u])).weight;
    }
    const CrashAssignment leaf = a;
    if (options_.on_view) {
        // What each state of the leaf would show, by what the branch with symbols has told.
        CrashCombinations all(f.space, columns.units(), UINT64_MAX);
        while (all.next(a)) options_.on_view(columns.view(a, status));
    }
    for (const std::uint32_t u : columns.others()) a[u] = 0;
    bool first = true;
    bool all_allowed = true;
    if (!reduce.read_set) {
        every_combination(f, columns.units(), a, [&](CrashCount w) {
            judge_state(f, a, first);
            f.coverage->represented += weight * w;
            first = false;
        });
        a = leaf;
        return;
    }
    const std::uint64_t wanted = columns.longest();
    std::uint64_t done = 0;
    for (; done < wanted && (done == 0 || f.branches < options_.branches_per_point); ++done) {
        columns.choose(done, a);
        all_allowed = judge_state(f, a, first) && all_allowed;
        first = false;
    }
    f.coverage->represented += weight * columns.weight_of_first(done);
    if (done < wanted) f.is_cut = true;
    if (options_.on_state && done == wanted) walk(f, columns, leaf, all_allowed);
    a = leaf;
}

// Every state of the leaf for itself, as far as somebody wants to hear of them.
void CrashExplorer::walk(Frame& f, const CrashColumns& columns, const CrashAssignment& leaf,
                         bool all_allowed) {
    CrashWalk::Refused refused;
    for (const CrashColumns::Column& c : columns.columns())
        refused.of.emplace_back(c.combinations, false);
    if (!all_allowed) refuse(f, columns, leaf, refused);
    CrashWalk walk(f.space, columns, leaf, refused);
    std::uint64_t n = 0;
    do {
        options_.on_state({point_, walk.image() + f.base_image, walk.is_allowed(), false});
    } while (++n < options_.states_per_leaf && walk.next());
}

// Some combination of some column was refused: which? For each of them only its own sectors are
// read, so that nothing else can be what is refused.
void CrashExplorer::refuse(Frame& f, const CrashColumns& columns, const CrashAssignment& leaf,
                           CrashWalk::Refused& refused) {
    CrashAssignment a = leaf;
    for (std::int16_t& version : a) version = version == symbol ? 0 : version;
    refused.all = !allows_sectors(f, a, columns.sectors_of_none());
    for (std::size_t c = 0; c < columns.columns().size() && !refused.all; ++c) {
        const CrashColumns::Column& column = columns.columns()[c];
        for (std::uint64_t combination = 0; combination < column.combinations; ++combination) {
            column.set(f.space, combination, a);
            refused.of[c][combination] = !allows_sectors(f, a, column.sectors);
        }
        column.set(f.space, 0, a);
    }
}

bool CrashExplorer::allows_sectors(Frame& f, const CrashAssignment& a,
                                   const std::vector<std::uint64_t>& sectors) {
    ++f.branches;
    restore(f);
    f.is_dirty = true;
    choose_survivors(f, a);
    sim_->guarded([&] {
        for (const Step* line : {&loss_, &reload_, &check_}) {
            if (!is_over()) run_line(*line);
        }
        Step read;
        read.verb = Verb::read;
        read.count = Sectors{1};
        for (const std::string& name : volumes()) {
            read.name = name;
            for (const std::uint64_t sector : sectors) {
                read.start = {sector};
                if (!is_over()) run_line(read);
            }
        }
    });
    return !is_over();
}

std::vector<std::string> CrashExplorer::volumes() const {
    std::vector<std::string> names;
    for (const MappedDevice& d : sim_->world().mapper().devices()) {
        if (sim_->world().find_disk(d.name()) == nullptr) names.emplace_back(d.name());
    }
    return names;
}

// Every choice of versions for these units, all others staying as they are; in order of the fewest
// sectors lost or kept where not all can be had.
void CrashExplorer::every_combination(Frame& f, const std::vector<std::uint32_t>& units,
                                      CrashAssignment& a,
                                      const std::function<void(CrashCount weight)>& visit) {
    const CrashAssignment before = a;
    CrashCombinations order(f.space, units, options_.branches_per_point);
    while (order.next(a)) {
        if (f.branches >= options_.branches_per_point) {
            f.is_cut = true;
            break;
        }
        visit(order.weight());
    }
    a = before;
}

// ---- One state --------------------------------------------------------------------------------

void CrashExplorer::restore(Frame& f) {
    if (f.is_dirty) f.saved.restore(host_, *sim_);
    f.is_dirty = false;
}

void CrashExplorer::choose_survivors(const Frame& f, const CrashAssignment& a) {
    Chooser& chooser = sim_->chooser();
    for (std::uint32_t u = 0; u < a.size(); ++u) {
        const CrashUnit& unit = f.space.units()[u];
        const std::uint32_t choice =
            a[u] == symbol ? 1 : f.space.version(unit, static_cast<std::uint32_t>(a[u])).choice;
        if (choice == 1 && options_.chooses_fifo) continue;  // what happens anyway
        const ChoiceKey key{ChoiceKind::survive, unit.actor, unit.first.value};
        chooser.add_pin({key, chooser.times(key) + 1, choice});
    }
}

Answer CrashExplorer::run_line(const Step& step) {
    Answer answer = sim_->world().run(step);
    if (!symbolic_ && !sim_->has_failed_check()) judge_->after_step(step, answer);
    return answer;
}

bool CrashExplorer::is_over() const {
    return sim_->has_failed_check() || sim_->world().is_stuck() || judge_->verdict().failed;
}

std::uint64_t CrashExplorer::state_digest() const {
    Digest d;
    for (const BaseDisk& disk : sim_->world().disks())
        d.add(static_cast<const SimDisk*>(disk.medium)->durable_digest());
    d.add(judge_->digest());
    d.add(sim_->world().tables_digest());
    return d.value();
}

bool CrashExplorer::judge_state(Frame& f, const CrashAssignment& a, bool goes_on) {
    const bool is_allowed = run_state(f, a, goes_on);
    if (options_.on_state)
        options_.on_state({point_, f.base_image + image_of(f.space, a), is_allowed, true});
    return is_allowed;
}

bool CrashExplorer::run_state(Frame& f, const CrashAssignment& a, bool goes_on) {
    ++f.branches;
    restore(f);
    f.is_dirty = true;
    choose_survivors(f, a);
    symbolic_ = false;
    bool is_new = true;
    std::uint64_t state = 0;
    sim_->guarded([&] {
        run_line(loss_);
        if (is_over() || !options_.reduce.identical) return;
        state = mix64(state_digest() + depth_);
        is_new = states_seen_.insert(state + (goes_on ? 1 : 0)).second;
        if (goes_on) states_seen_.insert(state);  // what goes on was looked at, too
    });
    if (!is_new) {
        ++f.coverage->repeated;
        return refused_states_.count(state) == 0;
    }
    ++f.coverage->checked;
    recover(f, goes_on);
    if (!is_over()) return true;
    if (options_.reduce.identical) refused_states_.insert(state);
    note_failure();
    return false;
}

void CrashExplorer::recover(Frame& f, bool goes_on) {
    Path& path = paths_[depth_];
    path.lines.clear();
    path.own.clear();
    // Not in another crash's way.
    const bool nests = depth_ < frames_.size();
    if (options_.on_view) f.lens.begin(*sim_, judge_, f.space);
    sim_->guarded([&] {
        if (is_over() && !options_.on_view) return;
        sim_->chooser().allow_faults(false);
        line_begins(reload_);
        watching_ = nests && goes_on;
        run_line(reload_);
        watching_ = false;
        // A view is told whole, whatever the judge thinks of it.
        const auto can_go_on = [this] {
            return !is_over() ||
                   (options_.on_view && !sim_->has_failed_check() && !sim_->world().is_stuck());
        };
        if (!can_go_on()) return;
        line_begins(check_);
        run_line(check_);
        read_everything_back(sim_->world(), can_go_on);
        if (!can_go_on()) return;
        if (options_.on_view) options_.on_view(view_of(f, status_digest()));
        if (is_over() || !goes_on || !options_.goes_on || depth_ > 1) return;
        for (Step& step : lines_after_recovery(sim_->world())) path.own.push_back(std::move(step));
        for (const Step& step : path.own) {
            line_begins(step);
            const Answer answer = run_line(step);
            // What these devices do not allow (another stands on one of them) is not insisted on.
            if (is_table_verb(step.verb) && !answer.empty() && answer.front() != "= ok") return;
            if (step.verb == Verb::check && !is_over())
                read_everything_back(sim_->world(), [this] { return !is_over(); });
            if (is_over()) return;
        }
    });
}

void CrashExplorer::run_symbolic(Frame& f, const CrashAssignment& a) {
    ++f.branches;
    ++f.coverage->symbolic;
    restore(f);
    f.is_dirty = true;
    symbolic_ = true;
    choose_survivors(f, a);
    sim_->guarded([&] {
        f.lens.begin(*sim_, nullptr, f.space);
        run_line(loss_);
        for (std::uint32_t u = 0; u < a.size(); ++u) {
            if (a[u] == symbol) f.lens.put_symbols(u);
        }
        run_line(reload_);
        const auto is_void = [&] {
            return !f.lens.read_as_metadata().empty() || sim_->has_failed_check() ||
                   sim_->world().is_stuck();
        };
        if (!is_void()) read_everything_back(sim_->world(), [&] { return !is_void(); });
    });
    symbolic_ = false;
}

// ---- What was found ---------------------------------------------------------------------------

void CrashExplorer::note_failure() {
    ++report_.failures;
    CrashFinding found = finding();
    for (const CrashFinding& o : report_.findings) {
        if (o.verdict.is_like(found.verdict)) return;
    }
    if (report_.findings.size() < options_.findings_max)
        report_.findings.push_back(std::move(found));
}

CrashFinding CrashExplorer::finding() const {
    CrashFinding result;
    if (sim_->has_failed_check()) {
        const CheckFailure& f = sim_->failed_check();
        std::uint32_t invariant = 0;
        if (std::string_view(f.rule).substr(0, 4) == "INV-")
            invariant = static_cast<std::uint32_t>(std::atoi(f.rule + 4));
        result.verdict.fail("check", invariant, 0, f.rule);
    } else if (judge_->verdict().failed) {
        result.verdict = judge_->verdict();
    } else {
        result.verdict.fail("liveness", 34, 0,
                            "a request is outstanding, nothing is in flight and nobody can run");
    }
    result.crashes = depth_;
    for (std::uint32_t d = 0; d <= depth_; ++d) {
        const std::vector<const Step*>& lines = paths_[d].lines;
        for (std::size_t i = 0; i < lines.size(); ++i) {
            if (d < depth_ && i == frames_[d]->moment.line) {
                const CrashMoment& m = frames_[d]->moment;
                Step& loss = result.lines.emplace_back();
                loss.verb = Verb::power_loss;
                loss.name = m.disk;
                loss.loss.at_once = false;
                loss.loss.nth = m.nth;
                loss.loss.moment = m.moment;
            }
            result.lines.push_back(*lines[i]);
        }
    }
    result.verdict.step = result.lines.empty() ? 0 : result.lines.size() - 1;
    result.pins = pins_of(*sim_);
    return result;
}

// ---- Views ------------------------------------------------------------------------------------

// What every device says of itself, and which chunks every store holds.
std::uint64_t CrashExplorer::status_digest() {
    Digest d;
    for (MappedDevice& device : sim_->world().mapper().devices()) {
        if (device.live() == nullptr) continue;
        for (Target& target : device.live()->targets()) {
            const std::string_view type = target.type_name();
            if (type != "snapshot" && type != "snapshot-merge") continue;
            const auto& s = static_cast<const Snapshot&>(target);
            const StoreUsage u = s.usage();
            d.add(std::uint64_t{s.is_valid()} << 1 | std::uint64_t{s.is_overflowed()});
            d.add(u.allocated.value);
            d.add(u.total.value);
            d.add(u.metadata.value);
            // A sum: the order in a table is its own affair.
            std::uint64_t sum = 0;
            s.completed().for_each_run([&](const auto& run) {
                for (std::uint64_t i = 0; i < run.chunks; ++i) {
                    Digest one;
                    one.add(run.old_chunk.value + i);
                    one.add(run.new_chunk.value + i);
                    sum += one.value();
                }
            });
            d.add(sum);
        }
    }
    return d.value();
}

std::uint64_t CrashExplorer::view_of(const Frame& f, std::uint64_t status) const {
    Digest d;
    d.add(status);
    for (const CrashLens::Shown& s : f.lens.shown()) d.add(s.id);
    return d.value();
}

}  // namespace cowlab
