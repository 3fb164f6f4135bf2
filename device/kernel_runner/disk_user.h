// The verbs of a disk user: each opens the device, does one thing with O_DIRECT, and closes it.
//
// Any thread may call it: it knows nothing but its arguments.
#pragma once

#include <atomic>
#include <string>

#include "scenarios/answer.h"
#include "scenarios/scenario.h"

namespace cowlab::kernel_runner {

// "err EIO" and so on, by the kernel's name of an errno value; "ok" for 0.
std::string answer_of_errno(int error);
std::string answer_of_errno(int error, const char* step);

// What a read of these sectors answers behind `ok` or `short`: "fnv=HASH RUNS".
std::string data_text(const void* bytes, std::uint64_t sectors);

// `verb` is one of is_io(); `path` is the device's node, empty if there is none. `opened` is set
// when the device is open, or cannot be opened.
Answer use_disk(const Step& step, Verb verb, const std::string& path, std::atomic<bool>& opened);

}  // namespace cowlab::kernel_runner
