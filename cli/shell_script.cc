#include "cli/shell_script.h"

#include <fmt/format.h>

#include "device/kernel_oracle.h"
#include "scenarios/print.h"
#include "scenarios/words.h"

namespace cowlab {
namespace {

// What the steps below it are written with. Sectors have 512 bytes; a step prints its line and what
// happened, and the script goes on whatever that was.
constexpr const char* functions = R"sh(set -u
export DM_DISABLE_UDEV=1 LC_ALL=C
dir=${COWLAB_DIR:-$(mktemp -d)}

step() { printf '> %s\n' "$*"; }
# Runs a command; its first line of complaint is the answer when it fails.
try() {
    if text=$("$@" 2>&1); then echo "= ok"; else echo "= err: $(printf '%s\n' "$text" | head -n 1)"; fi
}
number() { dmsetup info -c --noheadings --separator : -o major,minor "$1" 2>/dev/null; }
node() { echo "/dev/mapper/$1"; }

# show STATUS|TABLE DEVICE …: what dmsetup prints, the targets of a table in one line.
show() {
    if text=$(dmsetup "$@" 2>&1); then
        printf '%s\n' "$text" | awk '{ line = line (NR > 1 ? " ; " : "") $0 } END { print "= " line }'
    else
        echo "= err: $(printf '%s\n' "$text" | head -n 1)"
    fi
}
limits() {
    set -- $(blockdev --getsz --getss --getpbsz --getiomin --getioopt --getro "$(node "$1")")
    if [ $# -ne 6 ]; then echo "= err"; return; fi
    echo "= sectors $1 lbs $2 pbs $3 iomin $4 ioopt $5 ro $6"
}

# pattern SEED SECTOR COUNT: sectors that say who wrote them where (63 words and a complement).
pattern() {
    i=0
    while [ "$i" -lt "$3" ]; do
        s=$(($2 + i)) w= n=
        for b in $((s & 255)) $((s >> 8 & 255)) $((s >> 16 & 255)) $((s >> 24 & 255)) \
            $(($1 & 255)) $(($1 >> 8 & 255)) $(($1 >> 16 & 255)) 213; do
            c=$((255 - b))
            w="$w\\0$((b >> 6))$((b >> 3 & 7))$((b & 7))" n="$n\\0$((c >> 6))$((c >> 3 & 7))$((c & 7))"
        done
        w8=$w$w$w$w$w$w$w$w
        printf '%b' "$w8$w8$w8$w8$w8$w8$w8$w$w$w$w$w$w$w$n"
        i=$((i + 1))
    done
}
# runs: what the sectors on standard input hold: SEED@SECTOR+COUNT, 0+COUNT, or ?.
runs() {
    od -An -v -tx8 -w8 | awk '
        function complement(word,  out, i) {
            for (i = 1; i <= 16; i++)
                out = out substr("fedcba9876543210", index("0123456789abcdef", substr(word, i, 1)), 1)
            return out
        }
        NR % 64 == 1 { first = $1; alike = 1 }
        NR % 64 > 1 && $1 != first { alike = 0 }
        NR % 64 == 0 {
            if ($1 != (first ~ /^0*$/ ? first : complement(first))) alike = 0
            print alike ? first : "?", substr(first, 3, 6), substr(first, 9)
        }' | {
        out= kind= first= count=0 next=
        while read -r w who where; do
            at=
            case $w in
            0000000000000000) k=0 ;;
            d5*) k=$((0x$who))@ at=$((0x$where)) ;;
            *) k="?" ;;
            esac
            if [ "$k" = "$kind" ] && [ "$at" = "$next" ]; then
                count=$((count + 1))
            else
                [ "$count" -eq 0 ] || out="$out $kind$first+$count"
                kind=$k first=$at count=1
            fi
            next=${at:+$((at + 1))}
        done
        [ "$count" -eq 0 ] || out="$out $kind$first+$count"
        echo "$out"
    }
}
write() {
    pattern "$4" "$2" "$3" | dd of="$(node "$1")" bs=$(($3 * 512)) count=1 iflag=fullblock \
        oflag=direct,seek_bytes seek=$(($2 * 512)) conv=notrunc status=none
}
bytes() { dd if="$1" bs=$(($3 * 512)) count=1 iflag=direct,skip_bytes skip=$(($2 * 512)) status=none; }
read_() {
    if bytes "$(node "$1")" "$2" "$3" >"$dir/read" 2>"$dir/error"; then
        if [ "$(wc -c <"$dir/read")" -lt $(($3 * 512)) ]; then word=short; else word=ok; fi
        echo "= $word$(runs <"$dir/read")"
    else
        echo "= err: $(head -n 1 "$dir/error")"
    fi
}
hex() {
    echo "= ok"
    bytes "$(node "$1")" $(($2 / 512)) $((($2 % 512 + $3 + 511) / 512)) |
        od -Ax -v -tx1 -j $(($2 % 512)) -N "$3"
}
# writebytes DEV BYTE HEX
writebytes() {
    count=$((($2 % 512 + ${#3} / 2 + 511) / 512))
    bytes "$(node "$1")" $(($2 / 512)) $count >"$dir/bytes" || return 1
    printf '%b' "$(for b in $(echo "$3" | sed 's/../& /g'); do printf '\\0%03o' 0x$b; done)" |
        dd of="$dir/bytes" bs=1 seek=$(($2 % 512)) conv=notrunc status=none
    dd if="$dir/bytes" of="$(node "$1")" bs=$((count * 512)) count=1 \
        oflag=direct,seek_bytes seek=$(($2 / 512 * 512)) conv=notrunc status=none
}
# disk NAME SECTORS LBS: a loop device on $dir/NAME.img, and a linear device of its name on top.
disk() {
    truncate -s $(($2 * 512)) "$dir/$1.img"
    losetup --find --show --sector-size "$3" "$dir/$1.img" >"$dir/$1.loop" || return 1
    echo "$2" >"$dir/$1.size"
    dmsetup create "$1" --table "0 $2 linear $(cat "$dir/$1.loop") 0"
}
medium() { cat "$dir/$1.loop"; }
size() { cat "$dir/$1.size"; }
# create NAME OPTIONS: the table comes on standard input; all or nothing.
create() {
    table=$(cat)
    dmsetup create "$1" --notable || return 1
    if printf '%s\n' "$table" | dmsetup load $2 "$1" && dmsetup resume "$1"; then return 0; fi
    dmsetup remove "$1"
    return 1
}
# fault NAME: another table, from standard input, over the disk's medium.
fault() {
    dmsetup load "$1" && dmsetup suspend --noflush --nolockfs "$1" && dmsetup resume "$1"
}
info() {
    dmsetup info "$1" | awk -F: '
        /^State/ { s = $2 ~ /SUSPENDED/; r = $2 ~ /READ.ONLY/ }
        /^Tables present/ { l = $2 ~ /LIVE/; i = $2 ~ /INACTIVE/ }
        /^Open count/ { o = $2 } /^Event number/ { e = $2 } /^Number of targets/ { t = $2 }
        END {
            printf "= open %d event %d targets %d%s%s%s%s\n", o, e, t, s ? " suspended" : "",
                l ? " live" : "", i ? " inactive" : "", r ? " ro" : ""
        }'
}
mergewait() {
    device=$1 n=0
    while [ "$n" -lt 2000 ]; do
        set -- $(dmsetup status "$device") . . . .
        case $4 in
        */*) [ "${4%/*}" != "$5" ] || break ;;
        *) break ;;
        esac
        sleep 0.01
        n=$((n + 1))
    done
    show status "$device"
}
)sh";

// A word the shell takes as it is.
std::string quoted(std::string_view text) {
    std::string out = "'";
    for (const char c : text) {
        if (c == '\'') {
            out += "'\\''";
        } else {
            out += c;
        }
    }
    return out + "'";
}

// The table as lines, @name as a call that gives the number.
std::string table_lines(const std::string& text) {
    std::string out;
    Words words(text);
    bool fresh = true;
    while (!words.at_end()) {
        const std::string_view word = words.next();
        if (word == ";") {
            out += '\n';
            fresh = true;
            continue;
        }
        if (!fresh) out += ' ';
        fresh = false;
        if (word.front() == '@') {
            out += fmt::format("$(number {})", quoted(word.substr(1)));
            continue;
        }
        for (const char c : word) {
            if (c == '$' || c == '`' || c == '\\') out += '\\';
            out += c;
        }
    }
    return out;
}

std::string here_document(const std::string& text) {
    return fmt::format(" <<TABLE\n{}\nTABLE\n", text);
}

class Writer {
  public:
    Result<std::string> run(const Scenario& scenario, const std::string& name);

  private:
    bool step(const Step& s);
    bool disk(const Step& s);
    std::string fault_table(const Step& s) const;
    bool io(const Step& s, Verb verb, const std::string& end);
    void line(const std::string& text) { out_ += text + "\n"; }

    std::string out_;
};

bool Writer::disk(const Step& s) {
    if (!s.disk.path.empty()) return false;
    const std::string name = quoted(s.name);
    line(fmt::format("try disk {} {} {}", name, s.count.value, s.disk.lbs == 0 ? 512 : s.disk.lbs));
    if (s.disk.content == DiskContent::fill)
        line(fmt::format("write {} 0 {} {}", name, s.count.value, s.seed));
    if (s.disk.content == DiskContent::image) {
        line(
            fmt::format("dd if={} of=\"$(node {})\" bs=1M conv=notrunc,fsync status=none  "
                        "# unpacked before (zstd -d)",
                        quoted(s.disk.image), name));
    }
    return true;
}

std::string Writer::fault_table(const Step& s) const {
    const std::string loop = fmt::format("$(medium {})", quoted(s.name));
    const std::string size = fmt::format("$(size {})", quoted(s.name));
    const std::uint64_t end = (s.start + s.count).value;
    switch (s.fault.table) {
        case FaultTable::linear: return fmt::format("0 {} linear {} 0", size, loop);
        case FaultTable::error: return fmt::format("0 {} error", size);
        case FaultTable::flakey:
            return fmt::format("0 {} flakey {} 0 {} {} {}", size, loop, s.fault.up_seconds,
                               s.fault.down_seconds, s.text);
        case FaultTable::delay:
            return fmt::format("0 {0} delay {1} 0 {2} {1} 0 {3}", size, loop,
                               s.fault.read_delay.value, s.fault.write_delay.value);
        case FaultTable::bad: break;
    }
    std::string out;
    if (s.start.value > 0) out += fmt::format("0 {} linear {} 0\n", s.start.value, loop);
    out += fmt::format("{} {} error", s.start.value, s.count.value);
    return out +
           fmt::format("$([ {0} -ge {1} ] || printf '\\n%s' \"{0} $(({1} - {0})) linear {2} {0}\")",
                       end, size, loop);
}

bool Writer::io(const Step& s, Verb verb, const std::string& end) {
    const std::string name = quoted(s.name);
    const auto range = fmt::format("-o {} -l {}", s.start.bytes(), s.count.bytes());
    switch (verb) {
        case Verb::write:
            line(fmt::format("try write {} {} {} {}{}", name, s.start.value, s.count.value, s.seed,
                             end));
            return true;
        case Verb::read:
            line(fmt::format("read_ {} {} {}{}", name, s.start.value, s.count.value, end));
            return true;
        case Verb::flush: line(fmt::format("try sync \"$(node {})\"{}", name, end)); return true;
        case Verb::discard:
            line(fmt::format("try blkdiscard {} \"$(node {})\"{}", range, name, end));
            return true;
        case Verb::zeroout:
            line(fmt::format("try blkdiscard -z {} \"$(node {})\"{}", range, name, end));
            return true;
        case Verb::limits: line(fmt::format("limits {}{}", name, end)); return true;
        case Verb::hex:
            line(fmt::format("hex {} {} {}{}", name, s.byte, s.length, end));
            return true;
        case Verb::writebytes:
            line(fmt::format("try writebytes {} {} {}{}", name, s.byte, s.text, end));
            return true;
        default: return false;
    }
}

bool Writer::step(const Step& s) {
    const std::string name = quoted(s.name);
    if (is_io(s.verb)) return io(s, s.verb, "");
    switch (s.verb) {
        case Verb::nosave: return true;
        case Verb::disk: return disk(s);
        case Verb::create:
        case Verb::create_ro:
            out_ += fmt::format("try create {} '{}'", name,
                                s.verb == Verb::create_ro ? "--readonly" : "") +
                    here_document(table_lines(s.text));
            return true;
        case Verb::new_: line(fmt::format("try dmsetup create {} --notable", name)); return true;
        case Verb::load:
            out_ += fmt::format("try dmsetup load {}", name) + here_document(table_lines(s.text));
            return true;
        case Verb::inactive: line(fmt::format("show table --inactive {}", name)); return true;
        case Verb::suspend:
            line(fmt::format("try dmsetup suspend {}{}{}", s.noflush ? "--noflush " : "",
                             s.nolockfs ? "--nolockfs " : "", name));
            return true;
        case Verb::resume: line(fmt::format("try dmsetup resume {}", name)); return true;
        case Verb::clear: line(fmt::format("try dmsetup clear {}", name)); return true;
        case Verb::remove: line(fmt::format("try dmsetup remove {}", name)); return true;
        case Verb::rename:
            line(fmt::format("try dmsetup rename {} {}", name, quoted(s.other)));
            return true;
        case Verb::status: line(fmt::format("show status {}", name)); return true;
        case Verb::table: line(fmt::format("show table {}", name)); return true;
        case Verb::info: line(fmt::format("info {}", name)); return true;
        case Verb::message:
            line(fmt::format("try dmsetup message {} {} {}", name, s.start.value, s.text));
            return true;
        case Verb::fault:
            out_ += fmt::format("try fault {}", name) + here_document(fault_table(s));
            return true;
        case Verb::bg:
            if (!io(s, s.io_verb, fmt::format(" >\"$dir/job-{}\" 2>&1 &", s.job))) return false;
            line(fmt::format("echo $! >\"$dir/pid-{}\"; sleep 0.05; echo '= ok'", s.job));
            return true;
        case Verb::poll:
            line(
                fmt::format("sleep 0.03; if kill -0 \"$(cat \"$dir/pid-{0}\")\" 2>/dev/null; then "
                            "echo '= pending'; "
                            "else cat \"$dir/job-{0}\"; fi",
                            s.job));
            return true;
        case Verb::wait:
            line(fmt::format("wait \"$(cat \"$dir/pid-{0}\")\"; cat \"$dir/job-{0}\"", s.job));
            return true;
        case Verb::mergewait: line(fmt::format("mergewait {}", name)); return true;
        case Verb::rawread:
            line(fmt::format("echo \"= ok$(bytes \"$(medium {})\" {} {} | runs)\"", name,
                             s.start.value, s.count.value));
            return true;
        case Verb::sleep:
            line(
                fmt::format("sleep {}.{:03}; echo '= ok'", s.ms->value / 1000, s.ms->value % 1000));
            return true;
        case Verb::say: line(fmt::format("echo {}", quoted(s.text))); return true;
        default: return false;
    }
}

Result<std::string> Writer::run(const Scenario& scenario, const std::string& name) {
    if (const auto foreign = first_foreign_line(scenario))
        return refuse(name, fmt::format("{}: a shell has no such thing: take it out", *foreign));
    out_ = fmt::format(
        "#!/bin/sh\n"
        "# {}: the steps of {}, written by `cowlab replay FILE --script`.\n"
        "#\n"
        "# As root, on a machine that may be spoilt (or inside a user-mode-linux). It makes loop\n"
        "# devices with files in $COWLAB_DIR (default: a new folder) and devices of the device\n"
        "# mapper, and leaves them there: `dmsetup remove_all` and `losetup -D` clean up.\n"
        "# Needs the Debian packages dmsetup, util-linux and coreutils.\n",
        "a dmsetup script", name);
    out_ += functions;
    for (std::size_t i = 0; i < scenario.steps.size(); ++i) {
        const Step& s = scenario.steps[i];
        out_ += "\n";
        for (const std::string& c : s.comments) {
            if (!c.empty()) line(c);
        }
        line("step " + quoted(print_line(s)));
        if (s.malformed || s.verb == Verb::unknown || !step(s)) {
            return refuse(name, fmt::format("line {}: {}: cannot be written with dmsetup: take it "
                                            "out",
                                            s.source.line, print_line(s)));
        }
        for (const std::string& e : s.expected) line("# expected: " + e);
    }
    return std::move(out_);
}

}  // namespace

Result<std::string> shell_script(const Scenario& scenario, const std::string& name) {
    return Writer().run(scenario, name);
}

}  // namespace cowlab
