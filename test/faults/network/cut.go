package network

import (
	"fmt"
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
)

// Cut has nothing that from sends arrive at the host any more, in the middle of connections too: nobody is told.
func (h *Host) Cut(from netip.Addr) error {
	h.deaf[from] = true
	return h.apply()
}

// Lose has so many of a thousand packets to the host be lost.
func (h *Host) Lose(perMille int) error {
	h.loss = uint32(perMille)
	return h.apply()
}

// Divide cuts all ways between two groups.
func (n *Network) Divide(one, other []*Host) error {
	for _, a := range one {
		for _, b := range other {
			a.deaf[b.Addr], b.deaf[a.Addr] = true, true
		}
	}
	for _, h := range append(append([]*Host(nil), one...), other...) {
		if err := h.apply(); err != nil {
			return err
		}
	}
	return nil
}

// Heal mends everything.
func (n *Network) Heal() error {
	for _, h := range n.hosts {
		clear(h.deaf)
		h.loss = 0
		if err := h.apply(); err != nil {
			return err
		}
		if err := h.Delay(0, 0); err != nil {
			return err
		}
		if err := h.Link(true); err != nil {
			return err
		}
	}
	return nil
}

const chainName = "arrivals"

// apply replaces the rules on what arrives at the host, at once.
func (h *Host) apply() error {
	conn, err := nftables.New(nftables.WithNetNSFd(int(h.ns.file.Fd())))
	if err != nil {
		return err
	}
	// Adding it first, so that there is one to remove.
	table := conn.AddTable(&nftables.Table{Family: nftables.TableFamilyIPv4, Name: bridgeName})
	conn.DelTable(table)
	table = conn.AddTable(table)
	chain := conn.AddChain(&nftables.Chain{
		Name: chainName, Table: table, Type: nftables.ChainTypeFilter, Hooknum: nftables.ChainHookInput, Priority: nftables.ChainPriorityFilter,
	})
	for from := range h.deaf {
		conn.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{
			// The source in the header of IPv4.
			&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: 12, Len: 4},
			&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: from.AsSlice()},
			&expr.Verdict{Kind: expr.VerdictDrop},
		}})
	}
	if h.loss > 0 {
		// Not on the loopback, which is index 1: nothing is lost there.
		conn.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{
			&expr.Meta{Key: expr.MetaKeyIIF, Register: 1},
			&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: binaryutil.NativeEndian.PutUint32(1)},
			&expr.Numgen{Register: 1, Modulus: 1000, Type: 1}, // 1 is at random.
			&expr.Byteorder{SourceRegister: 1, DestRegister: 1, Op: expr.ByteorderHton, Len: 4, Size: 4},
			&expr.Cmp{Op: expr.CmpOpLt, Register: 1, Data: binaryutil.BigEndian.PutUint32(h.loss)},
			&expr.Verdict{Kind: expr.VerdictDrop},
		}})
	}
	if err := conn.Flush(); err != nil {
		return fmt.Errorf("rules of %s: %w", h.Addr, err)
	}
	return nil
}
