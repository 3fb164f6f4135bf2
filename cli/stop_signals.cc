#include "cli/stop_signals.h"

#include <unistd.h>

#include <csignal>

namespace cowlab {
namespace {

volatile std::sig_atomic_t signals_seen = 0;

void on_signal(int) {
    signals_seen = signals_seen + 1;
    if (signals_seen > 1) _exit(4);  // children go with their parent
}

}  // namespace

void stop_on_signals() {
    struct sigaction action {};
    action.sa_handler = on_signal;  // without SA_RESTART: a poll() that waits comes back
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
}

bool stop_requested() { return signals_seen != 0; }

}  // namespace cowlab
