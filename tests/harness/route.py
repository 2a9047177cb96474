"""A way to a server through a router, behind which the MTU is smaller than before it."""

from network import Side, lay_cable

MTU = 1280  # the least that IPv6 allows
HOSTS = {"ipv4": "192.0.2.130", "ipv6": "[2001:db8:2::2]"}
CLIENT = """
ip link set lo up
ip address add 192.0.2.1/25 dev near
ip address add 2001:db8:1::1/64 dev near nodad
ip link set near up
ip route add default via 192.0.2.2
ip -6 route add default via 2001:db8:1::2
"""
ROUTER = f"""
for each in ipv4/ip_forward ipv6/conf/all/forwarding; do echo 1 >/proc/sys/net/$each; done
ip address add 192.0.2.2/25 dev near
ip address add 2001:db8:1::2/64 dev near nodad
ip address add 192.0.2.129/25 dev far
ip address add 2001:db8:2::1/64 dev far nodad
ip link set far mtu {MTU}
ip link set near up
ip link set far up
"""
SERVER = f"""
ip link set lo up
ip address add 192.0.2.130/25 dev far
ip address add 2001:db8:2::2/64 dev far nodad
ip link set far mtu {MTU}
ip link set far up
ip route add default via 192.0.2.129
ip -6 route add default via 2001:db8:2::1
"""


class Route:
    """client, router, server    the Sides"""

    def __init__(self):
        self.client, self.router, self.server = Side(), Side(), Side()

    def connect(self):
        lay_cable("near", self.router, self.client)
        lay_cable("far", self.router, self.server)
        self.router.run(ROUTER)
        self.client.run(CLIENT)
        self.server.run(SERVER)

    def end(self):
        for side in self.client, self.router, self.server:
            side.end()
