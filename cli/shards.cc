#include "cli/shards.h"

#include <fmt/format.h>

#include <charconv>

namespace cowlab {
namespace {

struct Number {
    bool is_one = false;
    std::uint64_t value = 0;
};

Number number_in(std::string_view text) {
    Number n;
    const auto r = std::from_chars(text.data(), text.data() + text.size(), n.value);
    n.is_one = !text.empty() && r.ec == std::errc() && r.ptr == text.data() + text.size();
    return n;
}

// Who numbers its processes how. `first`: the number of the first; or the variable that holds it.
struct Scheduler {
    const char* index;
    const char* count;
    std::uint64_t first;
    const char* first_in;  // nullptr: always `first`
    const char* last_in;   // SGE has no count, but a last number
};
constexpr Scheduler schedulers[] = {
    {"SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT", 0, "SLURM_ARRAY_TASK_MIN", nullptr},
    {"JOB_COMPLETION_INDEX", "JOB_COMPLETIONS", 0, nullptr, nullptr},
    {"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", 0, nullptr, nullptr},
    {"TEST_SHARD_INDEX", "TEST_TOTAL_SHARDS", 0, nullptr, nullptr},
    {"GTEST_SHARD_INDEX", "GTEST_TOTAL_SHARDS", 0, nullptr, nullptr},
    {"SGE_TASK_ID", nullptr, 1, "SGE_TASK_FIRST", "SGE_TASK_LAST"},
};

Result<Shard> shard_of(const Scheduler& s,
                       const std::function<const char*(const char*)>& variable) {
    const auto value = [&](const char* name) -> Number {
        const char* text = name == nullptr ? nullptr : variable(name);
        return text == nullptr ? Number{} : number_in(text);
    };
    const char* count_name = s.count != nullptr ? s.count : s.last_in;
    const auto refused = [&](const char* name) {
        const char* text = variable(name);
        return refuse(
            name, fmt::format("{}: a shard needs {} and {} as numbers that fit: set both, "
                              "or say it with --shard I/N",
                              text == nullptr ? "is not set" : fmt::format("`{}`", text), s.index,
                              count_name));
    };
    const Number index = value(s.index);
    if (!index.is_one) return refused(s.index);
    const Number bound = value(count_name);
    if (!bound.is_one) return refused(count_name);
    const Number stated = value(s.first_in);
    const std::uint64_t first = stated.is_one ? stated.value : s.first;
    std::uint64_t count = bound.value;
    if (s.count == nullptr) count = bound.value < first ? 0 : bound.value - first + 1;
    if (index.value < first || index.value - first >= count) return refused(s.index);
    return Shard{index.value - first + 1, count, fmt::format("{} and {}", s.index, count_name)};
}

}  // namespace

Result<Shard> find_shard(const std::string& typed,
                         const std::function<const char*(const char*)>& variable) {
    if (!typed.empty()) {
        const std::size_t slash = typed.find('/');
        const Number i = number_in(std::string_view(typed).substr(0, slash));
        const Number n = slash == std::string::npos
                             ? Number{}
                             : number_in(std::string_view(typed).substr(slash + 1));
        if (!i.is_one || !n.is_one || i.value < 1 || i.value > n.value) {
            return failure({Error::Kind::usage, "--shard",
                            fmt::format("`{}` is no shard: write I/N with 1 <= I <= N, for example "
                                        "--shard 1/4",
                                        typed)});
        }
        return Shard{i.value, n.value, "--shard"};
    }
    for (const Scheduler& s : schedulers) {
        const char* text = variable(s.index);
        if (text == nullptr || std::string_view(text) == "undefined") continue;
        // An index alone may mean something else: a job that is no array, a test that is no shard.
        if (variable(s.count != nullptr ? s.count : s.last_in) == nullptr) {
            if (std::string_view(s.index) == "JOB_COMPLETION_INDEX") return shard_of(s, variable);
            continue;
        }
        return shard_of(s, variable);
    }
    return Shard{};
}

}  // namespace cowlab
