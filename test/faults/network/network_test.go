package network

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"
)

const insideEnv = "KAJI_TEST_NETWORK_INSIDE"

// isolated runs the test again in a namespace of its own, and tells whether this is that run.
func isolated(t *testing.T) bool {
	if os.Getenv(insideEnv) != "" {
		return true
	}
	runtime.LockOSThread() // Which the other run dies with.
	defer runtime.UnlockOSThread()
	cmd := exec.Command(os.Args[0], "-test.v", "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), insideEnv+"=1")
	Isolate(cmd)
	out, err := cmd.CombinedOutput()
	if Forbidden(err) && os.Getenv("CI") == "" {
		t.Skip(ErrForbidden)
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return false
}

// echo answers datagrams on a host.
func echo(t *testing.T, h *Host) {
	var conn net.PacketConn
	err := h.Run(func() (err error) {
		conn, err = net.ListenPacket("udp4", h.Addr.String()+":7")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go func() {
		buf := make([]byte, 16)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = conn.WriteTo(buf[:n], from)
		}
	}()
}

// answered asks a host from another, or from here, so many times, and gives how often it answers.
func answered(t *testing.T, from *Host, to netip.Addr, times int) int {
	t.Helper()
	var conn net.Conn
	dial := func() (err error) {
		conn, err = net.Dial("udp4", fmt.Sprintf("%s:7", to))
		return err
	}
	var err error
	if from == nil {
		err = dial()
	} else {
		err = from.Run(dial)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	got := 0
	for range times {
		if _, err := conn.Write([]byte("?")); err != nil {
			continue // The link is down.
		}
		_ = conn.SetReadDeadline(time.Now().Add(150 * time.Millisecond))
		if _, err := conn.Read(make([]byte, 16)); err == nil {
			got++
		}
	}
	return got
}

func TestWaysAreCut(t *testing.T) {
	if !isolated(t) {
		return
	}
	n, err := New(3)
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	hosts := n.Hosts()
	for _, h := range hosts {
		echo(t, h)
	}
	a, b, c := hosts[0], hosts[1], hosts[2]
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	expect := func(what string, from *Host, to *Host, want bool) {
		t.Helper()
		got := answered(t, from, to.Addr, 3) > 0
		// The first packets wait for links to come up, and for the neighbour's address.
		for until := time.Now().Add(20 * time.Second); want && !got && time.Now().Before(until); {
			got = answered(t, from, to.Addr, 1) > 0
		}
		if got != want {
			t.Errorf("%s: answered is %v", what, got)
		}
	}
	expect("a to b", a, b, true)
	expect("here to c", nil, c, true)

	must(n.Divide([]*Host{a}, []*Host{b}))
	expect("a to b, divided", a, b, false)
	expect("b to a, divided", b, a, false)
	expect("a to c, which sees both", a, c, true)
	expect("b to c, which sees both", b, c, true)
	must(n.Heal())
	expect("a to b, mended", a, b, true)

	must(c.Cut(Here))
	expect("here to c, which does not hear", nil, c, false)
	expect("a to c, which hears others", a, c, true)
	must(n.Heal())

	must(b.Link(false))
	expect("a to b without a link", a, b, false)
	expect("a to c", a, c, true)
	must(n.Heal())
	expect("a to b, linked again", a, b, true)

	must(c.Lose(500))
	if got := answered(t, a, c.Addr, 60); got < 10 || got > 50 {
		t.Errorf("%d of 60 are answered when half is lost", got)
	}
	must(n.Heal())
	if err := a.Delay(20*time.Millisecond, 0); errors.Is(err, ErrUnsupported) {
		t.Log(err)
	} else {
		must(err)
		begin := time.Now()
		expect("a to b, late", a, b, true)
		if took := time.Since(begin); took < 20*time.Millisecond {
			t.Errorf("answered after %s, though each packet is 20 ms late", took)
		}
	}
	must(n.Heal())
	must(a.Throttle(100 << 10))
	expect("a to b, throttled", a, b, true)
	must(n.Heal())
}

// TestOnlyInANamespaceOfItsOwn: the machine's own network is left alone.
func TestOnlyInANamespaceOfItsOwn(t *testing.T) {
	if links, err := net.Interfaces(); err != nil || len(links) < 2 {
		t.Skip("there is no link that it could see")
	}
	if n, err := New(1); err == nil {
		n.Close()
		t.Error("a network was laid in the machine's own namespace")
	}
}
