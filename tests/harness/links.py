"""Four parallel links to a server, over which the client's host divides flows by their ports: each
of the links may lose what it is given."""

import json

from network import SERVER_PORTS, Side, lay_cable

COUNT = 4
HOST, CLIENT = "203.0.113.7", "203.0.113.1"
NAMES = [f"link{number}" for number in range(COUNT)]
ENDS = [(f"198.51.100.{4 * n + 1}", f"198.51.100.{4 * n + 2}") for n in range(COUNT)]
FLAGS = "for each in all default; do echo 0 >/proc/sys/net/ipv4/conf/$each/rp_filter; done"


class Links:
    """client, server    the Sides at their ends"""

    def __init__(self):
        self.client, self.server = Side(), Side()

    def connect(self):
        self.server.run(SERVER_PORTS)
        for side, own in (self.client, CLIENT), (self.server, HOST):
            side.run(f"{FLAGS}; ip link set lo up; ip address add {own}/32 dev lo")
        for name, (near, far) in zip(NAMES, ENDS):
            lay_cable(name, self.client, self.server)
            for side, own in (self.client, near), (self.server, far):
                side.run(f"ip address add {own}/30 dev {name}; ip link set {name} up")
        hops = " ".join(f"nexthop via {far} dev {name}" for name, (_, far) in zip(NAMES, ENDS))
        self.client.run("echo 1 >/proc/sys/net/ipv4/fib_multipath_hash_policy")
        self.client.run(f"ip route add {HOST} src {CLIENT} {hops}")
        self.server.run(f"ip route add {CLIENT} src {HOST} via {ENDS[0][0]}")

    def impair(self, rules, protocol="udp"):
        """Each link notes the source ports of what it is given; then the nftables `rules` hold."""
        sets = "".join(
            f"set {name} {{ type inet_service; flags dynamic; size 4096; }}\n" for name in NAMES
        )
        notes = "".join(f'iifname "{name}" add @{name} {{ {protocol} sport }}\n' for name in NAMES)
        chain = f"type filter hook prerouting priority -300;\n{notes}{rules}"
        ruleset = f"flush ruleset\ntable ip links {{\n{sets}chain in {{\n{chain}\n}}\n}}"
        self.server.run(f"nft -f - <<'END'\n{ruleset}\nEND")

    def ports(self, number):
        """The source ports of what the link was given."""
        found = json.loads(self.server.run(f"nft -j list set ip links {NAMES[number]}"))
        return {port for each in found["nftables"] if "set" in each for port in each["set"].get("elem", ())}

    def end(self):
        self.client.end()
        self.server.end()


def losing(number, percent):
    """A rule: the link loses so much of what it is given."""
    some = f"numgen random mod 100 < {percent} " if percent < 100 else ""
    return f'iifname "{NAMES[number]}" {some}drop\n'
