# Processes that share semaphores, pipes and memory: a pool works through numbers.
import multiprocessing
import sys


def work(args):
    n, rounds = args
    value = n
    for k in range(rounds):
        value = (value * 31 + k) % 1000003
    with total.get_lock():
        total.value += value
    return value


def begin(shared):
    global total
    total = shared


if __name__ == "__main__":
    total = multiprocessing.Value("q", 0)
    with multiprocessing.Pool(3, begin, (total,)) as pool:
        for value in pool.imap(work, ((n, int(sys.argv[1])) for n in range(40))):
            print(value, flush=True)
    print("total", total.value)
