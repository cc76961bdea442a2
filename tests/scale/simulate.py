"""A discrete-event simulation of a run: driver/dispatch.c, the file servers, the reduction.

One event is one message, or one step of a unit. What is modelled, and how:

  unit       a chunk under a model. A rank reads its images, decodes them, runs the network, makes
             boxes, writes the rows, one after the other, as worker/worker.c and driver/run.c do; but
             the images of the next unit, where it is known, are read meanwhile.
  rank 0     hands units out. While it works itself, it answers between two layers of its network;
             where it only drives, whenever a message is there, looking every `nap_s`. An answer
             costs it `handle_s`, and a look that finds nothing more `look_rank_s` for every rank.
  message    arrives `latency_s` after it was sent. A rank that waits looks every `nap_s`.
  storage    `servers` queues, first come first served; a request takes a server its operations and
             its bytes, and the one who asks `delay_s` more for each operation. A chunk's images are
             one request, its rows another: that keeps throughput and queueing, and makes waiting a
             little coarser than in life. Opening files is one more queue, the metadata server's.
  slow ranks a share of the ranks takes `slow_factor` times as long for everything it computes.

What follows the last unit, `reduction_s`, is added up from its operations and messages: flushing,
counting rows, sums. Starting MPI and loading the networks is not in it.
"""

import collections
import heapq
import math
import random
from dataclasses import dataclass

SHARE_ROWS = 4096  # CR_RESULTS_SHARE
GUARD_ROWS = 256  # SLICE in driver/guard.c
DRIVES_FROM = 512  # CR_DISPATCH_DRIVES_FROM
PLENTY = 16  # CR_DISPATCH_PLENTY


@dataclass(frozen=True)
class Unit:
    """What a chunk costs one rank: seconds of its core, and what it asks of the storage."""
    decode_s: float
    layers_s: tuple  # the network, layer by layer
    boxes_s: float
    images: int = 16
    image_bytes: int = 126_000
    row_writes: int = 12
    row_bytes: int = 40_000

    @property
    def cpu_s(self):
        return self.decode_s + sum(self.layers_s) + self.boxes_s


@dataclass(frozen=True)
class Storage:
    servers: int = 16
    operations: float = 20_000  # a second, of each server
    bandwidth: float = 2e9  # bytes a second, of each server
    delay_s: float = 0.0005  # of one operation, also where nothing queues
    slow_factor: float = 1  # the first server takes so many times as long
    opens: float = math.inf  # a second, of the metadata server; a tar is opened once


@dataclass(frozen=True)
class Cluster:
    latency_s: float = 8e-6
    handle_s: float = 1e-5
    look_rank_s: float = 1.9e-6
    nap_s: float = 0.0005  # nap() in driver/dispatch.c
    skew_s: float = 0.001  # how far apart the ranks begin
    slow_share: float = 0
    slow_factor: float = 1
    noise: float = 0.03  # standard deviation of the logarithm of a unit's time
    storage: Storage = Storage()


@dataclass(frozen=True)
class Policy:
    """How units are handed out, and rows counted."""
    drives_from: float = DRIVES_FROM  # from so many ranks on rank 0 does not work
    plenty: float = PLENTY  # units left for each rank while the others ask ahead then
    reads_ahead: bool = True
    dearest_first: bool = True
    share_rows: int = SHARE_ROWS


@dataclass
class Result:
    makespan_s: float  # from the first unit begun to the last word of rank 0
    ideal_s: float  # what all units compute, over the speed of all ranks
    answering: float  # share of the time that rank 0 spends on messages
    units: list  # done by each rank

    @property
    def efficiency(self):
        return self.ideal_s / self.makespan_s


class Servers:
    def __init__(self, storage):
        self.storage = storage
        self.free = [0.0] * storage.servers
        self.next = 0
        self.metadata_free = 0.0

    def open(self, now, n_files):
        """When files are open, asked for no earlier than all before."""
        if self.storage.opens == math.inf:
            return now
        self.metadata_free = max(self.metadata_free, now) + n_files / self.storage.opens
        return self.metadata_free + n_files * self.storage.delay_s

    def request(self, now, operations, n_bytes):
        """When a request is done, made no earlier than all before."""
        s, at = self.storage, self.next
        self.next = (at + 1) % s.servers
        took = operations / s.operations + n_bytes / s.bandwidth
        if at == 0:
            took *= s.slow_factor
        self.free[at] = max(self.free[at], now) + took
        return self.free[at] + operations * s.delay_s


READ, THERE, WRITE, DONE, BEGIN, ARRIVE, SERVE, GRANT, LAYER = range(9)


class Run:
    def __init__(self, n_ranks, units, cluster, policy, seed):
        self.n_ranks, self.cluster, self.policy = n_ranks, cluster, policy
        self.random = random.Random(seed)
        self.units = sorted(units, key=lambda u: -u.cpu_s) if policy.dearest_first else units
        self.n_given = 0
        self.servers = Servers(cluster.storage)
        self.drives = 1 < n_ranks >= policy.drives_from
        slow = set(self.random.sample(range(n_ranks), round(n_ranks * cluster.slow_share)))
        self.factor = [cluster.slow_factor if r in slow else 1.0 for r in range(n_ranks)]
        self.plenty = n_ranks * policy.plenty if self.drives else -math.inf
        self.asks_ahead = [True] * n_ranks
        self.held = [None] * n_ranks  # what was granted ahead: a unit, or -1
        self.reading = [None] * n_ranks  # the unit whose images are being read, or were read last
        self.is_there = [True] * n_ranks  # they have been read
        self.idle = [True] * n_ranks
        self.n_done = [0] * n_ranks
        self.heap, self.n_events = [], 0
        # Rank 0.
        self.inbox = collections.deque()
        self.serving = self.waits_for_byes = False
        self.then = None  # what it goes on with when its inbox is empty
        self.layers = collections.deque()
        self.n_byes = 0
        self.answering_s = 0.0
        self.end = None

    def at(self, time, kind, rank, what=None):
        self.n_events += 1
        heapq.heappush(self.heap, (time, self.n_events, kind, rank, what))

    def give(self):
        if self.n_given == len(self.units):
            return -1
        self.n_given += 1
        return self.n_given - 1

    # Every rank.

    def send(self, now, rank, kind):
        self.at(now + self.cluster.latency_s, ARRIVE, rank, kind)

    def begin(self, now, rank, unit):
        if unit < 0:
            if rank == 0:
                self.waits_for_byes = True
                self.look(now, None)
            else:
                self.send(now, rank, "bye")
            return
        self.idle[rank], self.held[rank] = False, None
        if rank > 0 and self.asks_ahead[rank]:
            self.send(now, rank, "work")
        if self.reading[rank] != unit:
            self.fetch(now, rank, unit)
        elif self.is_there[rank]:
            self.compute(now, rank, unit)

    def fetch(self, now, rank, unit):
        self.reading[rank], self.is_there[rank] = unit, False
        self.at(self.servers.open(now, self.units[unit].images), READ, rank, unit)

    def read(self, now, rank, unit):
        u = self.units[unit]
        self.at(self.servers.request(now, u.images, u.images * u.image_bytes), THERE, rank, unit)

    def there(self, now, rank, unit):
        self.is_there[rank] = True
        if not self.idle[rank] and self.held[rank] != unit:
            self.compute(now, rank, unit)

    def read_ahead(self, now, rank):
        """The unit that is held, if one is; not before the present one has been read."""
        held = self.held[rank]
        if self.policy.reads_ahead and self.is_there[rank] and held not in (None, -1):
            self.fetch(now, rank, held)

    def compute(self, now, rank, unit):
        u = self.units[unit]
        factor = self.factor[rank] * math.exp(self.random.gauss(0, self.cluster.noise))
        if rank > 0:
            self.at(now + factor * u.cpu_s, WRITE, rank, unit)
        else:
            if self.policy.reads_ahead and len(self.units) - self.n_given >= self.n_ranks:
                self.held[0] = self.give()
            self.layers.extend(factor * s for s in u.layers_s)
            self.layers.append(factor * u.boxes_s)
            self.at(now + factor * u.decode_s + self.layers.popleft(), LAYER, 0, unit)
        self.read_ahead(now, rank)

    def write(self, now, rank, unit):
        u = self.units[unit]
        self.at(self.servers.request(now, u.row_writes, u.row_bytes), DONE, rank, unit)

    def done(self, now, rank, _):
        self.n_done[rank] += 1
        self.idle[rank] = True
        if rank == 0:
            held = self.held[0]
            self.look(now, lambda time: self.begin(time, 0, self.give() if held is None else held))
        elif self.held[rank] is not None:
            self.begin(now, rank, self.held[rank])
        elif not self.asks_ahead[rank]:
            self.send(now, rank, "work")

    def grant(self, now, rank, what):
        unit, self.asks_ahead[rank] = what
        if self.idle[rank]:
            self.at(now + self.random.random() * self.cluster.nap_s, BEGIN, rank, unit)
        else:
            self.held[rank] = unit
            self.read_ahead(now, rank)

    # Rank 0.

    def layer(self, now, _, unit):
        """A layer is done; what is last of self.layers is boxes."""
        def go_on(time):
            last = len(self.layers) == 1
            self.at(time + self.layers.popleft(), WRITE if last else LAYER, 0, unit)
        self.look(now, go_on)

    def look(self, now, then):
        self.serving, self.then = True, then
        self.at(now, SERVE, 0)

    def arrive(self, now, rank, kind):
        self.inbox.append((rank, kind))
        if self.waits_for_byes and not self.serving:
            self.look(now + self.random.random() * self.cluster.nap_s, None)

    def serve(self, now, *_):
        if not self.inbox:
            self.serving = False
            now += self.n_ranks * self.cluster.look_rank_s
            if self.then:
                self.then(now)
            elif self.n_byes == self.n_ranks - 1:
                self.end = now + self.n_ranks * self.cluster.handle_s / 2  # it tells them all
            return
        rank, kind = self.inbox.popleft()
        now += self.cluster.handle_s
        self.answering_s += self.cluster.handle_s
        if kind == "bye":
            self.n_byes += 1
        else:
            unit = self.give()
            self.at(now + self.cluster.latency_s, GRANT, rank,
                    (unit, len(self.units) - self.n_given >= self.plenty))
        self.at(now, SERVE, 0)

    def start(self):
        for rank in range(self.n_ranks):
            now = self.random.random() * self.cluster.skew_s
            if rank > 0:
                self.send(now, rank, "work")
            elif self.drives:
                self.begin(now, 0, -1)
            else:
                self.look(now, lambda time: self.begin(time, 0, self.give()))

    def run(self):
        steps = [self.read, self.there, self.write, self.done, self.begin, self.arrive, self.serve, self.grant,
                 self.layer]
        self.start()
        while self.end is None:
            now, _, kind, rank, what = heapq.heappop(self.heap)
            steps[kind](now, rank, what)
        return Result(self.end, sum(u.cpu_s for u in self.units) / sum(1 / f for f in self.factor),
                      self.answering_s / self.end, self.n_done)


def simulate(n_ranks, units, cluster=Cluster(), policy=Policy(), seed=1):
    return Run(n_ranks, units, cluster, policy, seed).run()


def reduction_s(n_ranks, n_images, n_models, n_variants, cluster=Cluster(), policy=Policy()):
    """Seconds from the last unit to the table: what driver/run.c and driver/guard.c do then.

    Four times all ranks flush; rank 0 reads the flags of all rows; ranks read their share of the
    rows of every model, once for the order of classes and once for the tallies."""
    storage = cluster.storage
    rows = max(-(-n_images // n_ranks), min(policy.share_rows, n_images))
    readers = min(n_ranks, -(-n_images // rows))
    reads = n_models * (2 * -(-rows // GUARD_ROWS) + (2 + n_variants) * -(-rows // SHARE_ROWS))
    capacity = storage.servers * storage.operations / storage.slow_factor
    flushes = 4 * max(n_ranks / capacity, storage.delay_s)
    reading = max(readers * reads / capacity, reads * storage.delay_s)
    messages = 40 * math.ceil(math.log2(max(n_ranks, 2))) * cluster.latency_s
    return flushes + n_models * storage.delay_s + reading + messages
