"""A way to a server through a router, behind which the MTU is another one than before it."""

from network import SERVER_PORTS, Side, lay_cable

MTU = 1280  # the least that IPv6 allows
HOSTS = {"ipv4": "192.0.2.130", "ipv6": "[2001:db8:2::2]"}
SUBNETS = {
    "near": ("192.0.2.0/25", "2001:db8:1::/64"),
    "far": ("192.0.2.128/25", "2001:db8:2::/64"),
}
CLIENT = """
ip link set lo up
ip address add 192.0.2.1/25 dev near
ip address add 2001:db8:1::1/64 dev near nodad
ip link set near up
ip route add default via 192.0.2.2
ip -6 route add default via 2001:db8:1::2
"""
ROUTER = """
for each in ipv4/ip_forward ipv6/conf/all/forwarding; do echo 1 >/proc/sys/net/$each; done
ip address add 192.0.2.2/25 dev near
ip address add 2001:db8:1::2/64 dev near nodad
ip address add 192.0.2.129/25 dev far
ip address add 2001:db8:2::1/64 dev far nodad
ip link set near up
ip link set far up
"""
SERVER = f"""
{SERVER_PORTS}
ip link set lo up
ip address add 192.0.2.130/25 dev far
ip address add 2001:db8:2::2/64 dev far nodad
ip link set far up
ip route add default via 192.0.2.129
ip -6 route add default via 2001:db8:2::1
"""


# Of a host that tells nobody what is wrong: IPv6 finds its neighbours all the same.
MUTE = """
ip rule add iif lo ipproto icmp blackhole priority 10
ip -6 rule add iif lo ipproto ipv6-icmp blackhole priority 10
"""


class Route:
    """client, router, server    the Sides, in their order"""

    def __init__(self):
        self.client, self.router, self.server = Side(), Side(), Side()

    def connect(self):
        for side in self.client, self.router, self.server:
            side.run("echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad")  # nobody waits for it
        lay_cable("near", self.router, self.client)
        lay_cable("far", self.router, self.server)
        self.set_mtu("far", MTU)
        self.router.run(ROUTER)
        self.client.run(CLIENT)
        self.server.run(SERVER)

    def set_mtu(self, name, mtu):
        """Of a cable: at both of its ends."""
        for side in self.router, self.client if name == "near" else self.server:
            side.run(f"ip link set {name} mtu {mtu}")

    def limit(self, name, mtu):
        """What the router sends into a cable, and nothing that comes from there."""
        v4, v6 = SUBNETS[name]
        self.router.run(
            f"ip route replace {v4} dev {name} proto kernel scope link mtu lock {mtu}\n"
            f"ip -6 route replace {v6} dev {name} proto kernel metric 256 mtu lock {mtu}"
        )

    def mute_router(self):
        """It tells nobody that a packet is too long: ICMP is lost, as behind many a firewall."""
        self.router.run(MUTE)

    def end(self):
        for side in self.client, self.router, self.server:
            side.end()
