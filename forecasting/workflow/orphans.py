"""Worker processes that end with their parent, however it ends."""

import multiprocessing
import os
import threading


def end_with_parent() -> None:
    """Let this worker end as soon as the process that started it is gone.

    A pool ends its workers when it is left, also by an exception; of a parent that is killed they
    know nothing, and would work off what is queued, beside whoever begins anew.
    """
    parent = multiprocessing.parent_process()
    assert parent is not None, "this is no worker process"

    def wait() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
