// A ring tells why there is none, and never leaves the kernel writing into memory that is gone.
#include "device/uring.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <memory>

#include "device/device_test_support.h"

namespace cowlab {
namespace {

using UringTest = DeviceTest;

// What why_not() says where a sandbox answers io_uring_setup() with this error.
std::string said_in_a_sandbox(int error) {
    int pipe_ends[2];
    if (::pipe(pipe_ends) != 0) return "no pipe";
    const pid_t child = ::fork();
    if (child == 0) {
        sock_filter program[] = {
            BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
            BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(error)),
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        };
        const sock_fprog filter{4, program};
        ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) ::_exit(1);
        const std::string text = Uring::why_not().value_or("a ring");
        const ssize_t n = ::write(pipe_ends[1], text.data(), text.size());
        ::_exit(n == static_cast<ssize_t>(text.size()) ? 0 : 1);
    }
    ::close(pipe_ends[1]);
    std::string text(1024, '\0');
    const ssize_t n = ::read(pipe_ends[0], text.data(), text.size());
    ::close(pipe_ends[0]);
    text.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    int status = 0;
    ::waitpid(child, &status, 0);
    return text;
}

TEST_F(UringTest, a_sandbox_that_forbids_it_is_named_with_what_to_change) {
    EXPECT_NE(said_in_a_sandbox(EPERM).find("kernel.io_uring_disabled"), std::string::npos);
    EXPECT_NE(said_in_a_sandbox(ENOSYS).find("Linux 5.6"), std::string::npos);
    EXPECT_NE(said_in_a_sandbox(ENOMEM).find("ulimit -l"), std::string::npos);
}

TEST_F(UringTest, its_end_waits_for_what_the_kernel_still_writes) {
    auto file = DirectFile::open(make_file("a.img", 2048, 'x'));
    ASSERT_TRUE(file) << refusal_of(file);
    constexpr std::size_t bytes = 2048 * sector_bytes;
    std::unique_ptr<void, decltype(&std::free)> memory(std::aligned_alloc(4096, bytes), std::free);
    std::memset(memory.get(), 0, bytes);
    struct Told : RingOperation {
        bool told = false;
    } read;
    read.ended = [](RingOperation& o, int) { static_cast<Told&>(o).told = true; };
    {
        Uring ring;
        ring.queue_read(read, {file->descriptor(), memory.get(), bytes, 0});
        ring.submit();
        EXPECT_EQ(ring.in_flight(), 1u);
    }
    EXPECT_FALSE(read.told) << "whoever it belonged to may be gone";
    const std::string wanted(bytes, 'x');
    EXPECT_EQ(std::memcmp(memory.get(), wanted.data(), bytes), 0) << "it has really ended";
}

TEST_F(UringTest, a_wait_with_a_limit_comes_back_without_a_completion) {
    Uring ring;
    ring.wait(1000);
    EXPECT_EQ(ring.completions(), 0u);
}

}  // namespace
}  // namespace cowlab
