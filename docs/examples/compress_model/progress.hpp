// SPDX-License-Identifier: MIT
// Tells on stderr how far long work is: a line that is rewritten on a terminal, one line a stage elsewhere.
#pragma once

#include <chrono>
#include <string>
#include <utility>

namespace demo {

/// One stage of the work. The destructor says how long it took.
class stage {
public:
    /// Silent where `quiet`; `steps` is 0 where none are counted.
    stage(std::string name, int steps, bool quiet);
    stage(const stage&) = delete;
    stage& operator=(const stage&) = delete;
    ~stage();

    /// One step more is done. A terminal shows the note until the next step.
    void step(const std::string& note = {});
    /// What is worth saying when the stage is over.
    void conclude(std::string result) { result_ = std::move(result); }

private:
    void rewrite(const std::string& note) const;

    std::string name_, result_;
    int done_ = 0, steps_;
    bool quiet_, terminal_;
    std::chrono::steady_clock::time_point start_;
};

} // namespace demo
