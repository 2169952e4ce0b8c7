package network

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Network is hosts at a bridge. The bridge is in the namespace of this process, which is a host of its own.
type Network struct {
	hosts []*Host
}

// Host is a namespace with one link to the bridge.
type Host struct {
	// Addr is its address.
	Addr netip.Addr
	ns   *namespace
	// inside works on the host's own namespace.
	inside *netlink.Handle
	// port is the bridge's end of the link.
	port netlink.Link
	// deaf are those from whom nothing arrives, loss how many packets of a thousand are lost on arrival.
	deaf map[netip.Addr]bool
	loss uint32
}

const (
	bridgeName = "faults"
	linkName   = "eth0"
	prefixBits = 24
)

// Here is the address of this process at the bridge.
var Here = netip.AddrFrom4([4]byte{10, 77, 0, 254})

// New lays a network in the namespace of this process, which must be its own: nothing but a loopback link may be in it.
func New(hosts int) (*Network, error) {
	links, err := netlink.LinkList()
	if err != nil {
		return nil, fmt.Errorf("network: %w", err)
	}
	for _, l := range links {
		if l.Attrs().Flags&unix.IFF_LOOPBACK == 0 && l.Attrs().Flags&unix.IFF_UP != 0 {
			return nil, fmt.Errorf("network: this is no namespace of its own: link %s is in it", l.Attrs().Name)
		}
	}
	n := &Network{}
	if err := n.lay(hosts); err != nil {
		n.Close()
		return nil, fmt.Errorf("network: %w", err)
	}
	return n, nil
}

func (n *Network) lay(hosts int) error {
	bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: bridgeName}}
	if err := netlink.LinkAdd(bridge); err != nil {
		return fmt.Errorf("making a bridge: %w", err)
	}
	here, err := netlink.NewHandle()
	if err != nil {
		return err
	}
	defer here.Close()
	if err := raise(here, bridgeName, Here); err != nil {
		return err
	}
	for i := range hosts {
		h := &Host{Addr: netip.AddrFrom4([4]byte{10, 77, 0, byte(i + 1)}), deaf: map[netip.Addr]bool{}}
		if h.ns, err = newNamespace(); err != nil {
			return err
		}
		n.hosts = append(n.hosts, h)
		if err := h.attach(bridge, fmt.Sprint("host", i+1)); err != nil {
			return fmt.Errorf("host %d: %w", i+1, err)
		}
	}
	return nil
}

// attach lays the link to the bridge.
func (h *Host) attach(bridge netlink.Link, port string) error {
	veth := &netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: port, MasterIndex: bridge.Attrs().Index},
		PeerName:  linkName, PeerNamespace: netlink.NsFd(h.ns.file.Fd()),
	}
	if err := netlink.LinkAdd(veth); err != nil {
		return fmt.Errorf("making a link: %w", err)
	}
	var err error
	if h.port, err = netlink.LinkByName(port); err != nil {
		return err
	}
	if err := netlink.LinkSetUp(h.port); err != nil {
		return err
	}
	if h.inside, err = netlink.NewHandleAt(netns.NsHandle(h.ns.file.Fd())); err != nil {
		return err
	}
	return raise(h.inside, linkName, h.Addr)
}

// raise brings up the loopback and a link, and gives the link an address.
func raise(in *netlink.Handle, name string, addr netip.Addr) error {
	for _, up := range []string{"lo", name} {
		link, err := in.LinkByName(up)
		if err != nil {
			return err
		}
		if up == name {
			a, err := netlink.ParseAddr(netip.PrefixFrom(addr, prefixBits).String())
			if err != nil {
				return err
			}
			if err := in.AddrAdd(link, a); err != nil {
				return err
			}
		}
		if err := in.LinkSetUp(link); err != nil {
			return err
		}
	}
	return nil
}

// Hosts are the hosts, in the order of their addresses.
func (n *Network) Hosts() []*Host { return n.hosts }

// Close takes the hosts away, and with them every process that was started there and asked to die with its parent.
func (n *Network) Close() {
	for _, h := range n.hosts {
		if h.inside != nil {
			h.inside.Close()
		}
		h.ns.close()
	}
	n.hosts = nil
	// Its namespace goes with this process; the next network in it wants the name.
	if bridge, err := netlink.LinkByName(bridgeName); err == nil {
		_ = netlink.LinkDel(bridge)
	}
}

// Run has f run on a thread that is in the host's namespace for as long as the network is there: processes that it starts are on the host.
func (h *Host) Run(f func() error) error { return h.ns.run(f) }

// Link takes the host off the network, as if its cable was pulled, or puts it back.
func (h *Host) Link(up bool) error {
	if up {
		return netlink.LinkSetUp(h.port)
	}
	return netlink.LinkSetDown(h.port)
}

// ErrUnsupported: the kernel was built without what was asked for.
var ErrUnsupported = errors.New("the kernel has no support for it")

// Delay has all that the host sends leave so much later, give or take jitter; 0 as it comes.
func (h *Host) Delay(delay, jitter time.Duration) error {
	link, err := h.inside.LinkByName(linkName)
	if err != nil {
		return err
	}
	attrs := netlink.QdiscAttrs{LinkIndex: link.Attrs().Index, Handle: netlink.MakeHandle(1, 0), Parent: netlink.HANDLE_ROOT}
	if delay == 0 {
		err := h.inside.QdiscDel(&netlink.GenericQdisc{QdiscAttrs: attrs})
		if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EINVAL) {
			return nil // There was none.
		}
		return err
	}
	netem := netlink.NewNetem(attrs, netlink.NetemQdiscAttrs{Latency: uint32(delay.Microseconds()), Jitter: uint32(jitter.Microseconds()), Limit: 10_000})
	err = h.inside.QdiscReplace(netem)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EOPNOTSUPP) {
		return fmt.Errorf("delay of packets (netem): %w", ErrUnsupported)
	}
	return err
}

// Throttle has the host send so many bytes a second; 0 as fast as it can. What does not fit waits, up to a second, and is lost then.
func (h *Host) Throttle(bytesPerSecond uint64) error {
	link, err := h.inside.LinkByName(linkName)
	if err != nil {
		return err
	}
	attrs := netlink.QdiscAttrs{LinkIndex: link.Attrs().Index, Handle: netlink.MakeHandle(1, 0), Parent: netlink.HANDLE_ROOT}
	if bytesPerSecond == 0 {
		return h.Delay(0, 0)
	}
	return h.inside.QdiscReplace(&netlink.Tbf{QdiscAttrs: attrs, Rate: bytesPerSecond, Buffer: 64 << 10, Limit: uint32(bytesPerSecond)})
}
