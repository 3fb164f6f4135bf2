// A world of our engine: runs scenario lines and answers them as the recording machine did
// (golden/README.md, "Semantics of the verbs").
//
// run() takes one step in the main context, lets the platform run until the verb has answered and
// the background work is quiet, and gives the answer. Verbs run on fibers. Everything that outlives
// a step is in the platform's arena, so that a world can be saved between any two turns; the steps
// themselves must stay where they are while jobs and lanes refer to them.
#pragma once

#include <string>
#include <vector>

#include "engine/device_mapper.h"
#include "scenarios/answer.h"
#include "scenarios/scenario.h"
#include "world/events.h"
#include "world/judge.h"
#include "world/lab_targets.h"
#include "world/platform.h"

namespace cowlab {

struct WorldOptions {
    EnginePolicy policy;
    EngineLimits limits;
    std::uint32_t recorder_capacity = 256;
    // Answers of reads without what was read: nobody looks, and hashing it costs more than the run.
    bool terse_answers = false;
    // Where `disk … image MEMBER` finds its bytes; nullptr: refused.
    class ImageSource* images = nullptr;
};

// Gives the bytes of an image by its name in the scenario.
class ImageSource {
  public:
    // 512 bytes a sector; false: no such image (an error the answer tells).
    virtual bool open(std::string_view member, Sectors& size) = 0;
    virtual void read(Sectors sector, std::uint8_t* bytes) = 0;

  protected:
    ~ImageSource() = default;
};

// A base disk: its medium, and the mapped device of its name above it.
struct BaseDisk : ListNode<> {
    char name[MappedDevice::name_max + 1] = {};
    std::uint32_t name_size = 0;
    Medium* medium = nullptr;
    std::uint32_t actor = 0;
    MediumSpec spec;
    std::string_view name_view() const { return {name, name_size}; }
};

enum class StopCause : std::uint8_t { none, power_loss, check };

class World final : private DiskObserver {
  public:
    World(Platform& platform, const WorldOptions& options);
    World(const World&) = delete;

    Answer run(const Step& step);
    // The end of a case: suspended base disks are resumed, background jobs end, other devices are
    // removed, newest first. False: something hangs.
    bool finish();

    void set_judge(Judge* judge) {
        judge_ = judge;
        events_.set_judge(judge);
    }

    // Told of every request at a disk, after the judge.
    void set_onlooker(DiskObserver* onlooker) { onlooker_ = onlooker; }

    // ---- for those who look
    DeviceMapper& mapper() { return *mapper_; }
    Engine& engine() { return *engine_; }
    List<BaseDisk>& disks() { return disks_; }
    BaseDisk* find_disk(std::string_view name);
    WorldEvents& events() { return events_; }
    Recorder& recorder() { return recorder_; }
    Platform& platform() { return platform_; }
    std::uint64_t steps_run() const { return steps_run_; }
    bool is_stuck() const { return stuck_; }
    StopCause stop_cause() const { return stop_cause_; }
    void note_check_failure() { stop_cause_ = StopCause::check; }
    std::uint64_t power_losses() const { return power_losses_; }
    std::uint64_t losses_in_recovery() const { return losses_in_recovery_; }
    // Requests seen at the port of the disks, by purpose.
    std::uint64_t requests_done() const { return requests_done_; }
    std::uint64_t requests_issued_of(Purpose p) const { return issued_[static_cast<int>(p)]; }
    std::uint64_t errors_of(Purpose p) const { return errors_[static_cast<int>(p)]; }
    // Requests that a disk answered with an error, in all.
    std::uint64_t errors_at_the_disks() const { return errors_total_; }
    // Whatever went wrong below the engine: errors of disks and of `fault` tables over them,
    // allocations that failed.
    std::uint64_t troubles() const {
        return errors_total_ + failing_tables_ + platform_.allocations_failed();
    }
    // `fault` tables that fail requests; no disk hears of those.
    std::uint64_t failing_tables() const { return failing_tables_; }
    // Digest over all that happened and over what the disks hold now.
    std::uint64_t digest();
    // "@name" for every device number in a line the engine printed.
    std::string with_names(std::string_view text) const;
    // The line that a device's live table was made from, as it was given; empty: not known.
    std::string_view live_table_text(std::string_view name) {
        const LastTable* t = last_table(name);
        return t == nullptr ? std::string_view{} : t->live;
    }
    // Of all devices' names and live tables, in the order of `reload`.
    std::uint64_t tables_digest() const;
    // What `reload` would do now, as `create` lines in its order.
    std::vector<Step> lines_of_reload();
    // Lanes and jobs that have not ended.
    bool has_unfinished_work() const;
    // Most requests of users that were under way at the same time.
    std::uint32_t user_requests_peak() const { return user_requests_peak_; }

  private:
    // A verb on its way; I/O verbs of bg and lanes as well.
    struct Outcome {
        enum class Kind : std::uint8_t {
            status,
            open_failed,
            at_step,
            short_write,
            data,
            short_data,
            hex,
            hex_short,
            limits,
            lost
        };
        Kind kind = Kind::status;
        Errc code = Errc::ok;
        const char* at_step = "";
        Sectors count;
        Payload data;  // cells, of `buffer` sectors
        Sectors buffer;
        DeviceLimits limits;
        Sectors size;
    };
    struct Job : Task, ListNode<Job> {
        World* world = nullptr;
        const Step* step = nullptr;
        Verb verb = Verb::unknown;
        MappedDevice* held = nullptr;
        bool done = false;
        Outcome outcome;
        void (*body)(Job&) = nullptr;
    };
    struct Lane : Task, ListNode<Lane> {
        World* world = nullptr;
        std::string_view name;
        List<Job, Job> queue;
        bool running = false;
    };
    // What `reload` needs: a device's tables.
    struct LastTable : ListNode<> {
        std::string_view name;
        std::string_view loaded;  // as the scenario wrote it
        bool loaded_read_only = false;
        std::string_view live;
        bool live_read_only = false;
    };
    struct PendingLoss {
        bool armed = false;
        const PowerLossSpec* spec = nullptr;
        std::uint32_t actor = 0;
        std::uint64_t seen = 0;
        bool due = false;
    };

    static void job_entry(Task& task);
    Answer answer_to(const Step& step);
    Answer run_job(const Step& step, void (*body)(Job&));
    Answer stuck_answer();
    Answer answer_of(Job& job);

    // world_io.cc
    static void io_body(Job& job);
    void do_io(Job& job);
    void do_write(Job& job, MappedDevice& device);
    void do_read(Job& job, MappedDevice& device);
    void do_discard(Job& job, MappedDevice& device);
    void do_zeroout(Job& job, MappedDevice& device);
    void do_hex(Job& job, MappedDevice& device);
    void do_writebytes(Job& job, MappedDevice& device);
    Errc transfer(MappedDevice& device, Op op, Sectors start, Sectors count, Payload payload,
                  bool fua = false);
    Payload buffer_for(Job& job, Sectors count);
    void free_buffer(Job& job);
    std::string data_text(Payload data, Sectors count);
    Answer hex_lines(const Step& step, const Outcome& outcome);

    // world_tables.cc
    Answer disk(const Step& step);
    Answer device_verb(const Step& step);
    static void device_verb_body(Job& job);
    void do_device_verb(Job& job);
    Errc create_device(Job& job, std::string_view table, bool read_only);
    Errc load_text(std::string_view name, std::string_view text, bool read_only);
    Answer status_text(const Step& step, StatusKind kind, bool inactive);
    Answer info(const Step& step);
    void remember_table(std::string_view name, std::string_view text, bool read_only);
    void remember_live(std::string_view name);
    void forget_table(std::string_view name);
    void rename_table(std::string_view from, std::string_view to);
    std::string_view renamed_in(std::string_view table, std::string_view from, std::string_view to);
    LastTable* last_table(std::string_view name);
    std::string_view keep_text(std::string_view text);

    // world_lab.cc
    Answer fault(const Step& step);
    static void fault_body(Job& job);
    Answer background(const Step& step);
    Answer wait_for(const Step& step);
    Answer mergewait(const Step& step);
    Answer rawread(const Step& step);
    Answer loglist(const Step& step);
    Answer logreplay(const Step& step);
    Answer lane(const Step& step);
    Answer join(const Step& step);
    Answer inject(const Step& step);
    Answer power_loss(const Step& step);
    Answer reload(const Step& step);
    static void lane_body(Task& task);
    void execute_power_loss(const PowerLossSpec& spec);
    Platform::Ran settle(Platform::Ran ran);
    Job& new_job(const Step& step, Verb verb);
    void destroy_job(Job& job);
    Job* find_job(std::string_view id);

    // DiskObserver
    void request_issued(std::uint32_t actor, const Bio& bio) override;
    void request_done(std::uint32_t actor, const Bio& bio) override;
    void watch_for_loss(std::uint32_t actor, const Bio& bio, Moment moment);

    void build_engine();

    Platform& platform_;
    WorldOptions options_;
    Recorder recorder_;
    WorldEvents events_;
    // The engine of the present life: a power loss abandons it where it stands and builds another.
    Engine* engine_ = nullptr;
    DeviceMapper* mapper_ = nullptr;
    WriteLogs logs_;
    LabTargetTypes* lab_types_ = nullptr;
    EngineTargetTypes* engine_types_ = nullptr;
    List<BaseDisk> disks_;
    List<Job, Job> jobs_;
    List<Lane, Lane> lanes_;
    List<LastTable> tables_;  // in order of creation
    std::uint32_t next_medium_ = 0;
    Judge* judge_ = nullptr;
    DiskObserver* onlooker_ = nullptr;
    PendingLoss pending_loss_;
    bool stuck_ = false;
    bool is_down_ = false;  // the power was lost, and nothing reloaded yet
    StopCause stop_cause_ = StopCause::none;
    std::uint64_t steps_run_ = 0;
    std::uint64_t power_losses_ = 0;
    std::uint64_t losses_in_recovery_ = 0;
    bool is_reloading_ = false;
    std::uint64_t requests_done_ = 0;
    std::uint64_t issued_[purpose_count] = {};
    std::uint64_t errors_[purpose_count] = {};
    std::uint64_t errors_total_ = 0;
    std::uint64_t failing_tables_ = 0;
    std::uint32_t user_requests_ = 0;
    std::uint32_t user_requests_peak_ = 0;
};

}  // namespace cowlab
