// The verbs of dmsetup, and base disks (golden/README.md).
#include <fmt/format.h>

#include <new>

#include "base/names.h"
#include "world/table_text.h"
#include "world/world.h"

namespace cowlab {
namespace {
constexpr std::uint32_t medium_major = 7;
constexpr std::size_t status_text_max = 64 * 1024;
}  // namespace

// ---- Base disks -------------------------------------------------------------------------------

Answer World::disk(const Step& step) {
    if (find_disk(step.name) != nullptr || mapper_->find(step.name) != nullptr ||
        step.name.size() > MappedDevice::name_max) {
        return {cowlab::answer_of(Errc::ebusy)};
    }
    void* p = platform_.arena().allocate(sizeof(BaseDisk));
    CHECK(p != nullptr, "a world's arena has room for a disk");
    auto& d = *new (p) BaseDisk();
    d.name_size = static_cast<std::uint32_t>(step.name.copy(d.name, MappedDevice::name_max));
    d.actor = actor_id_of(step.name);
    MediumSpec& spec = d.spec;
    spec.size = step.count;
    spec.fill_seed = step.seed;
    spec.content = step.disk.content == DiskContent::fill ? DiskContent::fill : DiskContent::zero;
    if (step.disk.lbs != 0) {
        spec.logical_block = spec.physical_block = exact_sectors(step.disk.lbs);
        spec.write_cache = spec.discard = true;
    }
    if (step.disk.cache != WriteCache::unstated)
        spec.write_cache = step.disk.cache == WriteCache::on;
    spec.lost = step.disk.lost;
    spec.atomic = max(step.disk.atomic, spec.logical_block);
    d.medium = platform_.create_medium(spec, {medium_major, next_medium_++}, d.actor, this);
    disks_.push_back(d);
    if (step.disk.content == DiskContent::image) {
        Sectors size;
        if (options_.images == nullptr || !options_.images->open(step.disk.image, size)) {
            return {cowlab::answer_of(Errc::enoent)};
        }
        std::uint8_t bytes[sector_bytes];
        for (std::uint64_t i = 0; i < min(size, spec.size).value; ++i) {
            options_.images->read({i}, bytes);
            const ContentId id = platform_.cells().keep(bytes);
            if (id != zero_content) d.medium->raw_write({i}, id);
        }
    }
    mapper_->add_base_device(*d.medium);
    if (step.count.value == 0) return {cowlab::answer_of(Errc::einval)};
    return run_job(step, &World::device_verb_body);
}

// ---- Device verbs -----------------------------------------------------------------------------

Answer World::device_verb(const Step& step) { return run_job(step, &World::device_verb_body); }

void World::device_verb_body(Job& job) {
    World& world = *job.world;
    world.do_device_verb(job);
    if (world.judge_ != nullptr) world.judge_->devices_changed();
}

void World::do_device_verb(Job& job) {
    const Step& s = *job.step;
    Outcome& out = job.outcome;
    switch (job.verb) {
        case Verb::new_: out.code = mapper_->create(s.name); return;
        case Verb::disk: {
            Text<64> line;
            const BaseDisk& d = *find_disk(s.name);
            line << "0 " << d.spec.size.value << " linear " << d.medium->number().major << ":"
                 << d.medium->number().minor << " 0";
            out.code = create_device(job, line.view(), false);
            return;
        }
        case Verb::create:
        case Verb::create_ro:
            out.code = create_device(job, s.text, job.verb == Verb::create_ro);
            return;
        case Verb::load:
            out.code = load_text(s.name, s.text, false);
            if (out.code == Errc::ok) remember_table(s.name, s.text, false);
            return;
        case Verb::suspend: out.code = mapper_->suspend(s.name); return;
        case Verb::resume: {
            const MappedDevice* d = mapper_->find(s.name);
            const Table* before = d == nullptr ? nullptr : d->live();
            out.code = mapper_->resume(s.name);
            // Vetoed, the new table is live all the same; refused for its size, it is gone.
            d = mapper_->find(s.name);
            if (d != nullptr && d->live() != before) remember_live(s.name);
            return;
        }
        case Verb::clear: out.code = mapper_->clear(s.name); return;
        case Verb::remove:
            out.code = mapper_->remove(s.name);
            if (out.code == Errc::ok) forget_table(s.name);
            return;
        case Verb::rename:
            out.code = mapper_->rename(s.name, s.other);
            if (out.code == Errc::ok) rename_table(s.name, s.other);
            return;
        case Verb::message: out.code = mapper_->message(s.name, s.start, s.text); return;
        default: out.code = Errc::enosys; return;
    }
}

// new, load, resume; the device is gone again if one of them fails (spec §18.1, README).
Errc World::create_device(Job& job, std::string_view table, bool read_only) {
    const std::string_view name = job.step->name;
    Outcome& out = job.outcome;
    const auto failed = [&](Errc e, const char* at_step) {
        out.kind = Outcome::Kind::at_step;
        out.at_step = at_step;
        return e;
    };
    if (const Errc e = mapper_->create(name); e != Errc::ok) return failed(e, "create");
    if (const Errc e = load_text(name, table, read_only); e != Errc::ok) {
        static_cast<void>(mapper_->remove(name));
        return failed(e, "load");
    }
    if (const Errc e = mapper_->resume(name); e != Errc::ok) {
        static_cast<void>(mapper_->remove(name));
        return failed(e, "resume");
    }
    remember_table(name, table, read_only);
    remember_live(name);
    return Errc::ok;
}

Errc World::load_text(std::string_view name, std::string_view text, bool read_only) {
    if (mapper_->find(name) == nullptr) return Errc::enxio;
    const TableText table(platform_.arena(), *mapper_, text);
    if (!table.is_well_formed()) return Errc::einval;
    return mapper_->load(name, table.lines(), table.line_count(),
                         read_only ? TableMode::read_only : TableMode::read_write);
}

// ---- What is remembered for `reload` ----------------------------------------------------------

World::LastTable* World::last_table(std::string_view name) {
    for (LastTable& t : tables_) {
        if (same_name(t.name, name)) return &t;
    }
    return nullptr;
}

void World::remember_table(std::string_view name, std::string_view text, bool read_only) {
    LastTable* t = last_table(name);
    if (t == nullptr) {
        void* p = platform_.arena().allocate(sizeof(LastTable));
        CHECK(p != nullptr, "a world's arena has room for its tables");
        t = new (p) LastTable();
        t->name = keep_text(name);
        tables_.push_back(*t);
    }
    t->loaded = keep_text(text);
    t->loaded_read_only = read_only;
}

void World::remember_live(std::string_view name) {
    LastTable* t = last_table(name);
    if (t == nullptr || t->loaded.empty()) return;
    t->live = t->loaded;
    t->live_read_only = t->loaded_read_only;
}

void World::forget_table(std::string_view name) {
    if (LastTable* t = last_table(name); t != nullptr) t->unlink();
}

void World::rename_table(std::string_view from, std::string_view to) {
    // A device of that name went with a power loss, and was not brought back.
    forget_table(to);
    if (LastTable* t = last_table(from); t != nullptr) t->name = keep_text(to);
    // Those that stand on it know it by its number; what they were made from names it.
    for (LastTable& t : tables_) {
        t.live = renamed_in(t.live, from, to);
        t.loaded = renamed_in(t.loaded, from, to);
    }
}

std::string_view World::renamed_in(std::string_view table, std::string_view from,
                                   std::string_view to) {
    std::string text;
    bool is_named = false;
    for (std::string_view rest = table; !rest.empty();) {
        const std::size_t end = std::min(rest.find(' '), rest.size());
        const std::string_view word = rest.substr(0, end);
        const bool is_it =
            word.size() == from.size() + 1 && word[0] == '@' && word.substr(1) == from;
        is_named = is_named || is_it;
        if (!text.empty()) text += ' ';
        if (is_it) text += '@';
        text += is_it ? to : word;
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return is_named ? keep_text(text) : table;
}

// ---- Queries ----------------------------------------------------------------------------------

std::string World::with_names(std::string_view text) const {
    std::string out;
    for (std::size_t i = 0; i < text.size();) {
        std::size_t end = text.find(' ', i);
        if (end == std::string_view::npos) end = text.size();
        const std::string_view word = text.substr(i, end - i);
        const std::size_t colon = word.find(':');
        const BlockDevice* d = colon == std::string_view::npos ? nullptr : mapper_->resolve(word);
        const MappedDevice* named = nullptr;
        if (d != nullptr) {
            for (const MappedDevice& m : mapper_->devices()) {
                if (m.number() == d->number()) named = &m;
            }
        }
        if (named != nullptr) {
            out += '@';
            out += named->name();
        } else {
            out += word;
        }
        if (end < text.size()) out += ' ';
        i = end + 1;
    }
    if (!text.empty() && text.back() == ' ' && (out.empty() || out.back() != ' ')) out += ' ';
    return out;
}

Answer World::status_text(const Step& step, StatusKind kind, bool inactive) {
    const MappedDevice* d = mapper_->find(step.name);
    if (d == nullptr) return {cowlab::answer_of(Errc::enxio)};
    const Table* table = inactive ? d->inactive() : d->live();
    Text<1024> usual;
    mapper_->print(table, kind, usual);
    if (!usual.truncated()) return {answer_text(with_names(usual.view()))};
    std::string buffer(status_text_max, '\0');
    TextSink out(buffer.data(), buffer.size());
    mapper_->print(table, kind, out);
    return {answer_text(with_names(out.view()))};
}

Answer World::info(const Step& step) {
    const MappedDevice* d = mapper_->find(step.name);
    if (d == nullptr) return {cowlab::answer_of(Errc::enxio)};
    return {answer_text(
        fmt::format("open {} event {} targets {}{}{}{}{}", mapper_->open_count(*d),
                    d->event_number(), d->live() == nullptr ? 0 : d->live()->target_count(),
                    d->is_suspended() ? " suspended" : "", d->live() != nullptr ? " live" : "",
                    d->inactive() != nullptr ? " inactive" : "", d->is_read_only() ? " ro" : ""))};
}

}  // namespace cowlab
