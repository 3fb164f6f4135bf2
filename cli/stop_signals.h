// SIGINT and SIGTERM: finish what is under way, write the results. A second one ends at once.
#pragma once

namespace cowlab {

void stop_on_signals();
bool stop_requested();

}  // namespace cowlab
