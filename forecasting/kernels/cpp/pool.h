// A small pool of threads that share numbered units of work.
//
// Which thread takes a unit is left to chance; a unit's result does not depend on it. A second
// caller, while the pool works, does its units alone. Nothing is started before the first need, and
// a forked child, which has no threads but its caller, starts its own.
#pragma once
#include <cstdint>
#include <functional>

// Call work(0), ..., work(units - 1), on at most `threads` threads including this one.
void share(int64_t units, int threads, const std::function<void(int64_t)>& work);
