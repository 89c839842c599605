"""The lock of an index goes to who waits for it."""

import threading
import time

from index.turns import Turns

SLICES = 50


def test_who_waits_is_next_however_soon_the_holder_comes_again() -> None:
    turns, asking, got = Turns(), threading.Event(), threading.Event()

    def wait() -> None:
        asking.set()
        with turns:
            got.set()

    with turns:
        waiting = threading.Thread(target=wait)
        waiting.start()
        asking.wait()
        while not turns.awaited:
            time.sleep(0)
    with turns:
        assert got.is_set()
    waiting.join()


def test_one_at_a_time() -> None:
    turns, inside, most = Turns(), 0, 0

    def work() -> None:
        nonlocal inside, most
        for _ in range(SLICES):
            with turns:
                inside += 1
                most = max(most, inside)
                time.sleep(0)
                inside -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (inside, most) == (0, 1)


def test_an_error_inside_lets_the_next_one_in() -> None:
    turns = Turns()
    try:
        with turns:
            raise ValueError
    except ValueError:
        pass
    with turns:
        assert not turns.awaited
