#include "device/kernel_runner/kernel_world.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "device/kernel_runner/disk_user.h"
#include "device/kernel_runner/write_log.h"
#include "scenarios/runs.h"
#include "scenarios/words.h"

namespace cowlab::kernel_runner {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds poll_time{30};
constexpr milliseconds wait_time{10000};
constexpr milliseconds mergewait_time{20000};
constexpr milliseconds last_wait{5000};
// So long a background job is given to come to rest, so that what follows meets it where the
// simulator would have it.
constexpr milliseconds settle_time{30};

void pause() { std::this_thread::sleep_for(milliseconds(1)); }

template <class Condition>
bool within(milliseconds limit, Condition condition) {
    const auto until = std::chrono::steady_clock::now() + limit;
    while (!condition()) {
        if (std::chrono::steady_clock::now() >= until) return false;
        pause();
    }
    return true;
}

std::string number_text(dev_t number) { return fmt::format("{}:{}", major(number), minor(number)); }

Answer answer_of(int error) { return {answer_of_errno(error)}; }

// `= START LENGTH TYPE A/T M …` with A != M: there is something left to merge.
bool merge_goes_on(std::string text) {
    for (int word = 0; word < 4; ++word) {
        const std::size_t blank = text.find(' ');
        if (blank == std::string::npos) return false;
        text.erase(0, blank + 1);
    }
    const std::size_t slash = text.find('/');
    const std::size_t blank = slash == std::string::npos ? slash : text.find(' ', slash);
    if (blank == std::string::npos) return false;
    std::string metadata = text.substr(blank + 1);
    metadata = metadata.substr(0, metadata.find(' '));
    return text.substr(0, slash) != metadata;
}

}  // namespace

Answer KernelWorld::run(const Step& step) {
    if (step.malformed) return answer_of(EINVAL);
    if (is_io(step.verb)) return io(step, step.verb);
    switch (step.verb) {
        case Verb::nosave: save_ = false; return {};
        case Verb::disk: return disk(step);
        case Verb::new_: {
            dev_t number = 0;
            const int e = dm_.create(step.name, number);
            if (e == 0) {
                devices_.push_back(step.name);
                numbers_[step.name] = number;
                last_names_[number] = step.name;
            }
            return answer_of(e);
        }
        case Verb::create:
        case Verb::create_ro: return create(step);
        case Verb::load: return answer_of(load_text(step.name, step.text, false));
        case Verb::suspend: return answer_of(dm_.suspend(step.name, step.noflush, step.nolockfs));
        case Verb::resume: return answer_of(dm_.resume(step.name));
        case Verb::clear: return answer_of(dm_.clear(step.name));
        case Verb::remove: {
            const int e = dm_.remove(step.name);
            if (e == 0) {
                numbers_.erase(step.name);
                devices_.erase(std::remove(devices_.begin(), devices_.end(), step.name),
                               devices_.end());
            }
            return answer_of(e);
        }
        case Verb::rename: {
            const int e = dm_.rename(step.name, step.other);
            if (e == 0) {
                const dev_t number = numbers_[step.name];
                numbers_.erase(step.name);
                numbers_[step.other] = number;
                last_names_[number] = step.other;
                std::replace(devices_.begin(), devices_.end(), step.name, step.other);
            }
            return answer_of(e);
        }
        case Verb::message: return answer_of(dm_.message(step.name, step.start.value, step.text));
        case Verb::status: return status(step.name, TableKind::status);
        case Verb::table: return status(step.name, TableKind::table);
        case Verb::inactive: return status(step.name, TableKind::inactive_table);
        case Verb::info: return info(step);
        case Verb::mergewait: return mergewait(step);
        case Verb::fault: return fault(step);
        case Verb::bg: return background(step);
        case Verb::poll:
        case Verb::wait: return wait_for(step);
        case Verb::rawread: return rawread(step);
        case Verb::loglist: return loglist(step);
        case Verb::logreplay: return logreplay(step);
        case Verb::sleep:
            std::this_thread::sleep_for(milliseconds(step.ms->value));
            return answer_of(0);
        case Verb::say: return answer_of(0);
        default: return answer_of(ENOSYS);
    }
}

// ---- Devices and tables -----------------------------------------------------------------------

KernelWorld::Disk* KernelWorld::find_disk(const std::string& name) {
    for (Disk& d : disks_) {
        if (d.name == name) return &d;
    }
    return nullptr;
}

Answer KernelWorld::disk(const Step& step) {
    if (find_disk(step.name) != nullptr || numbers_.count(step.name) != 0) return answer_of(EBUSY);
    Disk d{step.name, {}};
    if (step.count.value > 0) {
        const int e = media_.make(step, folder_, d.medium);
        if (!d.medium.path.empty()) media_made_.push_back(d.medium);
        if (e != 0) return answer_of(e);
    }
    disks_.push_back(d);
    if (step.count.value == 0) return answer_of(EINVAL);
    const std::vector<DmTarget> table{
        {0, d.medium.sectors, "linear",
         fmt::format("{} {}", number_text(d.medium.number), d.medium.first)}};
    const char* at_step = nullptr;
    const int e = create_device(step.name, table, false, at_step);
    return {e == 0 ? answer_of_errno(0) : answer_of_errno(e, at_step)};
}

int KernelWorld::create_device(const std::string& name, const std::vector<DmTarget>& table,
                               bool read_only, const char*& at_step) {
    dev_t number = 0;
    at_step = "create";
    if (const int e = dm_.create(name, number); e != 0) return e;
    numbers_[name] = number;
    last_names_[number] = name;
    at_step = "load";
    int e = table.empty() ? EINVAL : dm_.load(name, table, read_only);
    if (e == 0) {
        at_step = "resume";
        e = dm_.resume(name);
    }
    if (e == 0) {
        devices_.push_back(name);
    } else {
        dm_.remove(name);
        numbers_.erase(name);
    }
    return e;
}

Answer KernelWorld::create(const Step& step) {
    std::vector<DmTarget> table;
    if (!parse_table(step.text, table)) table.clear();
    const char* at_step = nullptr;
    const int e = create_device(step.name, table, step.verb == Verb::create_ro, at_step);
    return {e == 0 ? answer_of_errno(0) : answer_of_errno(e, at_step)};
}

int KernelWorld::load_text(const std::string& name, const std::string& text, bool read_only) {
    std::vector<DmTarget> table;
    if (numbers_.count(name) == 0) return ENXIO;
    if (!parse_table(text, table)) return EINVAL;
    return dm_.load(name, table, read_only);
}

bool KernelWorld::parse_table(const std::string& text, std::vector<DmTarget>& out) const {
    bool fresh = true;
    Words words(text);
    while (!words.at_end()) {
        const std::string_view word = words.next();
        if (word == ";") {
            fresh = true;
            continue;
        }
        if (fresh) {
            const Number start = number_from(word, UINT64_MAX);
            const Number length = number_from(words.next(), UINT64_MAX);
            const std::string_view type = words.next();
            if (start.fault != NumberFault::none || length.fault != NumberFault::none ||
                type.empty() || type == ";") {
                return false;
            }
            out.push_back({start.value, length.value, std::string(type), ""});
            fresh = false;
            continue;
        }
        std::string argument(word);
        if (word.front() == '@') {
            const auto number = numbers_.find(argument.substr(1));
            if (number != numbers_.end()) argument = number_text(number->second);
        }
        std::string& arguments = out.back().arguments;
        arguments += (arguments.empty() ? "" : " ") + argument;
    }
    return !out.empty();
}

std::string KernelWorld::path_of(const std::string& name) const {
    const auto number = numbers_.find(name);
    if (number == numbers_.end()) return "";
    return fmt::format("/dev/dm-{}", minor(number->second));
}

std::string KernelWorld::with_names(const std::string& text) const {
    std::string out;
    for (std::size_t i = 0; i < text.size();) {
        // MAJOR:MINOR, standing alone or before another colon.
        std::size_t end = i;
        while (end < text.size() && text[end] >= '0' && text[end] <= '9') ++end;
        const std::size_t colon = end;
        const bool at_word = i == 0 || text[i - 1] == ' ';
        if (at_word && colon > i && colon < text.size() && text[colon] == ':') {
            end = colon + 1;
            while (end < text.size() && text[end] >= '0' && text[end] <= '9') ++end;
            if (end > colon + 1) {
                const dev_t number = makedev(
                    static_cast<unsigned>(std::strtoul(text.c_str() + i, nullptr, 10)),
                    static_cast<unsigned>(std::strtoul(text.c_str() + colon + 1, nullptr, 10)));
                const auto name = last_names_.find(number);
                if (name != last_names_.end()) {
                    out += "@" + name->second;
                    i = end;
                    continue;
                }
            }
        }
        out += text[i++];
    }
    return out;
}

Answer KernelWorld::status(const std::string& name, TableKind kind) {
    std::vector<DmTarget> targets;
    DmInfo state;
    if (const int e = dm_.info(name, state); e != 0) return answer_of(e);
    if (const int e = dm_.table(name, kind, targets); e != 0) return answer_of(e);
    std::string text;
    for (const DmTarget& t : targets) {
        text += fmt::format("{}{} {} {} {}", text.empty() ? "" : " ; ", t.start, t.length, t.type,
                            t.arguments);
    }
    while (!text.empty() && text.back() == ' ') text.pop_back();
    return {answer_text(with_names(text))};
}

Answer KernelWorld::info(const Step& step) {
    DmInfo i;
    if (const int e = dm_.info(step.name, i); e != 0) return answer_of(e);
    return {fmt::format("= open {} event {} targets {}{}{}{}{}", i.open_count, i.event, i.targets,
                        i.suspended ? " suspended" : "", i.live ? " live" : "",
                        i.inactive ? " inactive" : "", i.read_only ? " ro" : "")};
}

Answer KernelWorld::mergewait(const Step& step) {
    Answer answer;
    const milliseconds limit =
        step.ms ? milliseconds(static_cast<long>(step.ms->value)) : mergewait_time;
    const bool ended = within(limit, [&] {
        // The same text is judged and answered: the next look may find the merge ended.
        answer = status(step.name, TableKind::status);
        return !merge_goes_on(answer.front());
    });
    if (!ended) answer.front() += " (timeout)";
    return answer;
}

int KernelWorld::table_of_fault(const Step& step, const Disk& disk,
                                std::vector<DmTarget>& out) const {
    const std::uint64_t size = disk.medium.sectors;
    const std::string number = number_text(disk.medium.number);
    const std::uint64_t first = disk.medium.first;
    const FaultSpec& f = step.fault;
    switch (f.table) {
        case FaultTable::linear:
            out = {{0, size, "linear", fmt::format("{} {}", number, first)}};
            return 0;
        case FaultTable::error: out = {{0, size, "error", ""}}; return 0;
        case FaultTable::flakey:
            out = {{0, size, "flakey",
                    fmt::format("{} {} {} {} {}", number, first, f.up_seconds, f.down_seconds,
                                step.text)}};
            return 0;
        case FaultTable::delay:
            out = {{0, size, "delay",
                    fmt::format("{0} {1} {2} {0} {1} {3}", number, first, f.read_delay.value,
                                f.write_delay.value)}};
            return 0;
        case FaultTable::bad: break;
    }
    const std::uint64_t start = step.start.value;
    const std::uint64_t end = start + step.count.value;
    if (step.count.value == 0 || end > size || end < start) return EINVAL;
    if (start > 0) out.push_back({0, start, "linear", fmt::format("{} {}", number, first)});
    out.push_back({start, step.count.value, "error", ""});
    if (end < size)
        out.push_back({end, size - end, "linear", fmt::format("{} {}", number, first + end)});
    return 0;
}

Answer KernelWorld::fault(const Step& step) {
    const Disk* d = find_disk(step.name);
    DmInfo state;
    if (d == nullptr || dm_.info(step.name, state) != 0) return answer_of(ENXIO);
    std::vector<DmTarget> table;
    int e = table_of_fault(step, *d, table);
    if (e == 0) e = dm_.load(step.name, table, false);
    if (e == 0 && !state.suspended) e = dm_.suspend(step.name, true, true);
    if (e == 0) e = dm_.resume(step.name);
    return answer_of(e);
}

// ---- I/O --------------------------------------------------------------------------------------

Answer KernelWorld::io(const Step& step, Verb verb) {
    std::atomic<bool> opened{false};
    return use_disk(step, verb, path_of(step.name), opened);
}

Answer KernelWorld::background(const Step& step) {
    if (jobs_.count(step.job) != 0) return answer_of(EBUSY);
    Job& job = *(jobs_[step.job] = std::make_unique<Job>());
    job.step = step;
    job.path = path_of(step.name);
    job.thread = std::thread([&job] {
        job.answer = use_disk(job.step, job.step.io_verb, job.path, job.opened);
        job.done = true;
    });
    within(wait_time, [&] { return job.opened.load(); });
    within(settle_time, [&] { return job.done.load(); });
    return answer_of(0);
}

Answer KernelWorld::wait_for(const Step& step) {
    const auto found = jobs_.find(step.job);
    if (found == jobs_.end()) return answer_of(ENOENT);
    Job& job = *found->second;
    const milliseconds limit = step.verb == Verb::poll ? poll_time
                               : step.ms ? milliseconds(static_cast<long>(step.ms->value))
                                         : wait_time;
    if (!within(limit, [&] { return job.done.load(); })) return {"= pending"};
    job.thread.join();
    Answer answer = job.answer;
    jobs_.erase(found);
    return answer;
}

Answer KernelWorld::rawread(const Step& step) {
    const Disk* d = find_disk(step.name);
    if (d == nullptr) return {"= open err ENOENT"};
    const std::uint64_t block = d->medium.block / 512;
    if (step.start.value % block != 0 || step.count.value % block != 0) return answer_of(EINVAL);
    const std::uint64_t size = d->medium.sectors;
    const std::uint64_t n =
        step.start.value >= size ? 0 : std::min(step.count.value, size - step.start.value);
    std::vector<std::uint8_t> bytes(n * 512);
    if (n > 0) {
        const int e = read_medium(d->medium, step.start.value, n, bytes.data());
        if (e != 0) return answer_of(e);
    }
    return {
        fmt::format("= {} {}", n < step.count.value ? "short" : "ok", data_text(bytes.data(), n))};
}

// ---- Write logs -------------------------------------------------------------------------------

Answer KernelWorld::loglist(const Step& step) {
    const Disk* d = find_disk(step.name);
    if (d == nullptr) return {"= open err ENOENT"};
    const std::vector<WriteLogEntry> log = read_write_log(d->medium);
    Answer answer{fmt::format("= ok entries {}", log.size())};
    std::size_t i = 0;
    for (const WriteLogEntry& e : log) {
        std::string line = fmt::format("| {} sector {} n {}", i++, e.sector, e.sectors);
        if (e.flush) line += " FLUSH";
        if (e.fua) line += " FUA";
        if (e.discard) line += " DISCARD";
        if (e.is_mark) line += " MARK " + e.mark;
        Runs runs;
        for (std::size_t at = 0; at < e.data.size(); at += 512)
            runs.add(recognise(e.data.data() + at));
        if (!e.data.empty()) line += " " + runs.text();
        answer.push_back(std::move(line));
    }
    return answer;
}

Answer KernelWorld::logreplay(const Step& step) {
    const Disk* d = find_disk(step.name);
    const Disk* target = find_disk(step.other);
    if (d == nullptr || target == nullptr) return {"= open err ENOENT"};
    const std::vector<WriteLogEntry> log = read_write_log(d->medium);
    replay_write_log(log, step.entries, step.lossy, step.seed, target->medium);
    return {fmt::format("= ok entries {}", log.size())};
}

// ---- The end ----------------------------------------------------------------------------------

std::vector<std::string> KernelWorld::log_lines() {
    std::vector<std::string> lines = log_.take();
    for (std::string& line : lines) line = with_names(line);
    return lines;
}

bool KernelWorld::finish() {
    for (const Disk& d : disks_) {
        DmInfo state;
        if (dm_.info(d.name, state) == 0 && state.suspended) dm_.resume(d.name);
    }
    bool clean = true;
    for (auto& [id, job] : jobs_) {
        if (!within(last_wait, [&j = *job] { return j.done.load(); })) {
            // It waits for a device above, which may still be suspended: let it go on there.
            for (const std::string& name : devices_) dm_.resume(name);
            clean = within(last_wait, [&j = *job] { return j.done.load(); }) && clean;
        }
        if (job->done.load()) {
            job->thread.join();
        } else {
            job->thread.detach();
            static_cast<void>(job.release());
        }
    }
    jobs_.clear();
    std::vector<std::string> left(devices_.rbegin(), devices_.rend());
    const auto remove_all = [&](auto&& wanted) {
        for (std::size_t before = left.size() + 1; left.size() < before;) {
            before = left.size();
            left.erase(std::remove_if(left.begin(), left.end(),
                                      [&](const std::string& name) {
                                          return wanted(name) && dm_.remove(name) == 0;
                                      }),
                       left.end());
        }
    };
    remove_all([&](const std::string& name) { return find_disk(name) == nullptr; });
    if (save_ && !save_images()) clean = false;
    remove_all([](const std::string&) { return true; });
    if (!left.empty()) return false;
    return media_.drop_all(media_made_) && clean;
}

bool KernelWorld::save_images() {
    const std::string folder = folder_ + "/images";
    if (mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST) return false;
    for (const Disk& d : disks_) {
        const std::string path = folder + "/" + d.name + ".img";
        const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        if (fd < 0) return false;
        std::vector<std::uint8_t> bytes(d.medium.sectors * 512);
        bool written =
            bytes.empty() || read_medium(d.medium, 0, d.medium.sectors, bytes.data()) == 0;
        for (std::size_t at = 0; written && at < bytes.size();) {
            const ssize_t n = write(fd, bytes.data() + at, bytes.size() - at);
            written = n > 0;
            at += static_cast<std::size_t>(std::max<ssize_t>(n, 0));
        }
        if (close(fd) != 0 || !written) return false;
    }
    return true;
}

}  // namespace cowlab::kernel_runner
