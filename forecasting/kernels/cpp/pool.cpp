#include "pool.h"

#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>

namespace {

// One call of `share`. Late threads may still look at it when the caller has left.
struct Job {
    std::function<void(int64_t)> work;
    int64_t units;
    std::atomic<int64_t> next{0}, done{0};

    void help() {
        for (int64_t unit; (unit = next.fetch_add(1)) < units;) {
            work(unit);
            done.fetch_add(1);
        }
    }
};

class Pool {
   public:
    // False if the pool is busy with another caller's job.
    bool run(const std::shared_ptr<Job>& job, int helpers) {
        std::unique_lock<std::mutex> caller(busy_, std::try_to_lock);
        if (!caller.owns_lock()) return false;
        grow(helpers);
        {
            std::lock_guard<std::mutex> lock(mutex_);
            job_ = job;
            wanted_ = helpers;
        }
        wake_.notify_all();
        job->help();
        while (job->done.load() < job->units) std::this_thread::yield();
        std::lock_guard<std::mutex> lock(mutex_);
        job_.reset();
        wanted_ = 0;
        return true;
    }

   private:
    void grow(int helpers) {
        try {
            for (; started_ < helpers; ++started_) std::thread([this] { serve(); }).detach();
        } catch (const std::system_error&) {
            // No more threads to be had: those that there are do the work.
        }
    }

    void serve() {
        for (;;) {
            std::shared_ptr<Job> job;
            {
                std::unique_lock<std::mutex> lock(mutex_);
                wake_.wait(lock, [this] { return wanted_ > 0; });
                --wanted_;
                job = job_;
            }
            job->help();
        }
    }

    std::mutex busy_, mutex_;
    std::condition_variable wake_;
    std::shared_ptr<Job> job_;
    int wanted_ = 0, started_ = 0;
};

// Never destroyed: its threads may outlive every destructor.
Pool& pool() {
    static std::atomic<Pool*> current{new Pool};
    static std::atomic<pid_t> owner{getpid()};
    pid_t here = getpid();
    if (owner.load() != here) {
        current.store(new Pool);
        owner.store(here);
    }
    return *current.load();
}

}  // namespace

void share(int64_t units, int threads, const std::function<void(int64_t)>& work) {
    int helpers = static_cast<int>(threads < units ? threads : units) - 1;
    if (helpers > 0) {
        auto job = std::make_shared<Job>();
        job->work = work;
        job->units = units;
        if (pool().run(job, helpers)) return;
    }
    for (int64_t unit = 0; unit < units; ++unit) work(unit);
}
