"""Hosts that are network namespaces, joined by a switch with delay, loss, a rate and cables that
can be cut.

Linux has netem for this, but not every kernel does. The switch is therefore this program: each host
has a TAP device, whose Ethernet frames it reads and writes. It needs root and `ip`.

    with Network(hosts=4) as network:
        network.set(delay=0.005, rate=25e6, loss=0.0)
        network.run(0, ["python", "worker.py"])   # a process on host 0, whose address is 10.9.8.1
        network.cut(1)

A frame from one host to another waits until the cable of the receiver is free, takes its bytes/rate
on it, and arrives `delay` later. A frame that would wait for more than 0.2 s is dropped, as by a
full buffer, and so is a share of `loss`, drawn at random.
"""

import contextlib
import fcntl
import heapq
import itertools
import json
import os
import random
import select
import struct
import subprocess
import sys
import time

MTU = 9000
WAIT = 0.2  # seconds that a frame may wait for a cable
PORT = 2222


def address(host):
    return f"10.9.8.{host + 1}"


class Network:
    """The hosts and their switch, which is a process of its own."""

    def __init__(self, hosts):
        self.hosts = hosts
        self.names = [f"ganzoo-{os.getpid()}-{host}" for host in range(hosts)]

    def __enter__(self):
        for name in self.names:
            ip("netns", "add", name)
        self.switch = subprocess.Popen(
            [sys.executable, __file__, *self.names], stdin=subprocess.PIPE, text=True
        )
        for name in self.names:
            until(lambda name=name: "eth0" in inside(name, "ip", "-o", "link"))
            inside(name, "ip", "link", "set", "lo", "up")
            inside(name, "ip", "link", "set", "eth0", "up")
            # or each step's exchange, after a pause, would begin with the first packets' slowness
            inside(name, "sysctl", "-qw", "net.ipv4.tcp_slow_start_after_idle=0")
        return self

    def __exit__(self, *error):
        self.switch.terminate()
        self.switch.wait()
        for name in self.names:
            ip("netns", "del", name)

    def set(self, **values):
        """delay in seconds, one way; rate in bytes per second; loss from 0 to 1."""
        self._tell(values)

    def cut(self, host):
        """Nothing passes the cable of this host any more. The host itself isn't told."""
        self._tell({"cut": host})

    def mend(self, host):
        self._tell({"mend": host})

    def _tell(self, what):
        print(json.dumps(what), file=self.switch.stdin, flush=True)
        time.sleep(0.2)

    def run(self, host, command, **options):
        """Starts a process on a host."""
        return subprocess.Popen(["ip", "netns", "exec", self.names[host], *command], **options)


def ip(*words):
    return subprocess.run(["ip", *words], check=True, capture_output=True, text=True).stdout


def inside(name, *words):
    return ip("netns", "exec", name, *words)


def until(true, seconds=30):
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise TimeoutError("the network doesn't come up")
        time.sleep(0.05)


# ---- the switch, in its own process


def tap(name, host):
    """A TAP device that becomes eth0 of the namespace; its file."""
    file = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    device = f"tap{os.getpid() % 10000}-{host}"
    fcntl.ioctl(file, 0x400454CA, struct.pack("16sH", device.encode(), 0x1002))  # TAP, no header
    mac = f"02:00:00:00:00:{host:02x}"
    ip("link", "set", device, "netns", name, "name", "eth0", "address", mac, "mtu", str(MTU))
    inside(name, "ip", "addr", "add", f"{address(host)}/24", "dev", "eth0")
    return file


def switch(names):
    taps = [tap(name, host) for host, name in enumerate(names)]
    delay, rate, loss, cut = 0.0, float("inf"), 0.0, set()
    free, due, number, rng = [0.0] * len(taps), [], itertools.count(), random.Random(0)
    while True:
        wait = max(0.0, due[0][0] - time.monotonic()) if due else None
        ready, _, _ = select.select([*taps, sys.stdin], [], [], wait)
        if sys.stdin in ready:
            line = sys.stdin.readline()
            if not line:
                return
            told = json.loads(line)
            delay, rate, loss = (
                told.get(key, old)
                for key, old in (("delay", delay), ("rate", rate), ("loss", loss))
            )
            cut = (cut | {told.get("cut")}) - {told.get("mend"), None}
        for source, file in enumerate(taps):
            if file not in ready:
                continue
            for _ in range(64):
                try:
                    frame = os.read(file, 65536)
                except BlockingIOError:
                    break
                now = time.monotonic()
                others = [host for host in range(len(taps)) if host != source]
                to = others if frame[0] & 1 else [frame[5]] if frame[5] in others else []
                for host in to:
                    begun = max(now, free[host])
                    if {source, host} & cut or rng.random() < loss or begun - now > WAIT:
                        continue
                    free[host] = begun + len(frame) / rate
                    heapq.heappush(due, (free[host] + delay, next(number), host, frame))
        now = time.monotonic()
        while due and due[0][0] <= now:
            _, _, host, frame = heapq.heappop(due)
            with contextlib.suppress(OSError):  # its buffer is full, or its device is down
                os.write(taps[host], frame)


if __name__ == "__main__":
    switch(sys.argv[1:])
