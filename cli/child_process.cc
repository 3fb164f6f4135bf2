#include "cli/child_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

#include "base/check.h"

namespace cowlab {
namespace {

constexpr std::size_t packet_bytes_max = std::size_t{256} << 20;
constexpr std::size_t said_bytes_max = 64 * 1024;

const char* name_of_signal(int number) {
    switch (number) {
        case SIGSEGV: return "SIGSEGV";
        case SIGBUS: return "SIGBUS";
        case SIGILL: return "SIGILL";
        case SIGFPE: return "SIGFPE";
        case SIGABRT: return "SIGABRT";
        case SIGTRAP: return "SIGTRAP";
        case SIGSYS: return "SIGSYS";
        case SIGKILL: return "SIGKILL";
        case SIGTERM: return "SIGTERM";
        case SIGINT: return "SIGINT";
        case SIGHUP: return "SIGHUP";
        case SIGQUIT: return "SIGQUIT";
        case SIGPIPE: return "SIGPIPE";
        case SIGXCPU: return "SIGXCPU";
        case SIGPROF: return "SIGPROF";
        default: return nullptr;
    }
}

bool write_all(int fd, const char* data, std::size_t size) {
    while (size > 0) {
        const ssize_t n = ::send(fd, data, size, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        data += n;
        size -= static_cast<std::size_t>(n);
    }
    return true;
}

bool send_packet(int fd, std::string_view packet) {
    const std::uint64_t size = packet.size();
    return write_all(fd, reinterpret_cast<const char*>(&size), sizeof size) &&
           write_all(fd, packet.data(), packet.size());
}

bool read_all(int fd, char* data, std::size_t size) {
    while (size > 0) {
        const ssize_t n = ::read(fd, data, size);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        data += n;
        size -= static_cast<std::size_t>(n);
    }
    return true;
}

void become_child(int errors, pid_t parent) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(0);
    const rlimit none{0, 0};
    setrlimit(RLIMIT_CORE, &none);
    for (const int s : {SIGINT, SIGTERM, SIGHUP}) std::signal(s, SIG_IGN);
    std::signal(SIGPIPE, SIG_DFL);
    if (errors >= 0) dup2(errors, STDERR_FILENO);
}

}  // namespace

void* map_shared(std::size_t bytes) {
    void* p = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(p != MAP_FAILED, "the host has memory that two processes share");
    return p;
}
void unmap_shared(void* at, std::size_t bytes) { munmap(at, bytes); }

// ---- How it ended -----------------------------------------------------------------------------

bool ChildEnd::is_from_outside() const {
    if (kind != Kind::signalled) return false;
    switch (code) {
        case SIGSEGV:
        case SIGBUS:
        case SIGILL:
        case SIGFPE:
        case SIGABRT:
        case SIGTRAP:
        case SIGSYS:
        case SIGPIPE: return false;
        default: return true;
    }
}

std::string ChildEnd::word() const {
    switch (kind) {
        case Kind::clean: return "";
        case Kind::stuck: return "stuck-in-a-turn";
        case Kind::exited: return sanitizer ? "died-sanitizer" : fmt::format("died-exit-{}", code);
        case Kind::signalled: break;
    }
    if (sanitizer) return "died-sanitizer";
    const char* name = name_of_signal(code);
    return name != nullptr ? fmt::format("died-{}", name) : fmt::format("died-signal-{}", code);
}

bool is_death(std::string_view word) {
    return word.substr(0, 5) == "died-" || word == "stuck-in-a-turn";
}

std::string shown_word(std::string_view word) {
    std::string shown(word);
    if (is_death(word)) std::replace(shown.begin(), shown.end(), '-', ' ');
    return shown;
}

// ---- The child's side -------------------------------------------------------------------------

void Child::Line::send(std::string_view packet) {
    if (!send_packet(fd_, packet)) _exit(0);  // nobody is left to tell
}

bool Child::Line::receive(std::string& packet) {
    std::uint64_t size = 0;
    if (!read_all(fd_, reinterpret_cast<char*>(&size), sizeof size) || size > packet_bytes_max)
        return false;
    packet.resize(size);
    return read_all(fd_, packet.data(), size);
}

// ---- The parent's side ------------------------------------------------------------------------

Child& Child::operator=(Child&& other) noexcept {
    std::swap(pid_, other.pid_);
    std::swap(fd_, other.fd_);
    std::swap(errors_, other.errors_);
    std::swap(arrived_, other.arrived_);
    return *this;
}

Child::~Child() {
    if (pid_ > 0) {
        kill_it();
        end();
    }
}

Child Child::start(const std::function<void(Line&)>& body, Output errors) {
    Child child;
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return child;
    const int caught =
        errors == Output::caught ? memfd_create("cowlab-child-errors", MFD_CLOEXEC) : -1;
    std::fflush(stdout);
    std::fflush(stderr);
    const pid_t parent = getpid();
    const pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        become_child(caught, parent);
        Line line(ends[1]);
        body(line);
        std::fflush(stdout);
        _exit(std::ferror(stdout) != 0 ? 75 : 0);
    }
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        if (caught >= 0) close(caught);
        return child;
    }
    child.pid_ = pid;
    child.fd_ = ends[0];
    child.errors_ = caught;
    return child;
}

void Child::send(std::string_view packet) {
    // A child that died is noticed when its line closes.
    (void)send_packet(fd_, packet);
}

bool Child::receive(bool wait) {
    char buffer[65536];
    for (;;) {
        const ssize_t n = ::recv(fd_, buffer, sizeof buffer, wait ? 0 : MSG_DONTWAIT);
        if (n > 0) {
            arrived_.append(buffer, static_cast<std::size_t>(n));
            return true;
        }
        if (n == 0) return false;
        if (errno == EINTR) continue;
        return errno == EAGAIN || errno == EWOULDBLOCK;
    }
}

bool Child::next(std::string& packet) {
    std::uint64_t size = 0;
    if (arrived_.size() < sizeof size) return false;
    std::memcpy(&size, arrived_.data(), sizeof size);
    if (size > packet_bytes_max) {  // nonsense from a child that is no longer itself
        arrived_.clear();
        kill_it();
        return false;
    }
    if (arrived_.size() < sizeof size + size) return false;
    packet = arrived_.substr(sizeof size, size);
    arrived_.erase(0, sizeof size + size);
    return true;
}

void Child::kill_it() {
    if (pid_ > 0) kill(pid_, SIGKILL);
}

ChildEnd Child::end() {
    ChildEnd how;
    if (pid_ <= 0) return how;
    close(fd_);
    fd_ = -1;
    int status = 0;
    while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    if (errors_ >= 0) {
        how.said.resize(said_bytes_max);
        const ssize_t n = pread(errors_, how.said.data(), how.said.size(), 0);
        how.said.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
        close(errors_);
        errors_ = -1;
    }
    if (WIFSIGNALED(status)) {
        how.kind = ChildEnd::Kind::signalled;
        how.code = WTERMSIG(status);
    } else if (WIFEXITED(status) && WEXITSTATUS(status) != 0) {
        how.code = WEXITSTATUS(status);
        how.kind = how.code == exit_stuck ? ChildEnd::Kind::stuck : ChildEnd::Kind::exited;
    }
    how.sanitizer = !how.is_clean() && (how.said.find("Sanitizer") != std::string::npos ||
                                        how.said.find("runtime error: ") != std::string::npos);
    return how;
}

ChildEnd run_in_child(const std::function<void(Child::Line&)>& body,
                      const std::function<void(std::string&)>& on_packet, unsigned seconds,
                      Child::Output errors) {
    Child child = Child::start(body, errors);
    if (!child.is_running()) {
        ChildEnd none;
        none.kind = ChildEnd::Kind::exited;
        none.code = 71;
        none.said = "the host has no process left for a child";
        return none;
    }
    bool killed = false;
    std::string packet;
    for (;;) {
        pollfd p{child.fd(), POLLIN, 0};
        const int ready = poll(&p, 1, static_cast<int>(seconds * 1000));
        if (ready < 0 && errno == EINTR) continue;
        if (ready == 0) {
            child.kill_it();
            killed = true;
        }
        if (!child.receive(true)) break;
        while (child.next(packet)) on_packet(packet);
    }
    ChildEnd how = child.end();
    if (killed) how.kind = ChildEnd::Kind::stuck;
    return how;
}

}  // namespace cowlab
