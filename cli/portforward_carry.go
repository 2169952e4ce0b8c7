package cli

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"kaji.dev/kaji/apierror"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

const (
	// carryChunk is what is read at once of what a local program sends.
	carryChunk = 32 << 10
	// carryLinger is how long a local program may go on sending what nobody takes, so that it gets to read the answer:
	// to close a connection with unread data in it would throw the answer away.
	carryLinger = 2 * time.Second
)

// carry is one connection, over a stream of its own. It closes the local one.
func (f *portForward) carry(ctx context.Context, local net.Conn, port uint16) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer local.Close()
	stream, err := corev1.NewPodServiceClient(f.conn.Conn()).PortForwardPod(ctx)
	if err != nil {
		return apierror.FromStatus(err)
	}
	m := f.pod.GetMetadata()
	start := &corev1.PodPortForwardStart{Namespace: m.GetNamespace(), Name: m.GetName(), Uid: m.GetUid(), Port: uint32(port)}
	err = stream.Send(&corev1.PodPortForwardRequest{Message: &corev1.PodPortForwardRequest_Start{Start: start}})
	if err != nil && !errors.Is(err, io.EOF) {
		return apierror.FromStatus(err)
	}
	// Closing the local connection is what ends a reading of it.
	defer context.AfterFunc(ctx, func() { local.Close() })()
	var sending sync.WaitGroup
	defer sending.Wait()
	sending.Go(func() { sendLocal(stream, local, cancel) })
	if err := receiveRemote(ctx, stream, local); err != nil {
		if tcp, ok := local.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // the program is to see a failure, not an end
		}
		local.Close()
		cancel()
		return err
	}
	if tcp, ok := local.(*net.TCPConn); ok && tcp.CloseWrite() == nil {
		_ = local.SetReadDeadline(time.Now().Add(carryLinger))
		sending.Wait()
	}
	local.Close()
	return nil
}

// sendLocal sends what the local program does, until it has said all.
func sendLocal(stream corev1.PodService_PortForwardPodClient, local net.Conn, cancel context.CancelFunc) {
	buffer := make([]byte, carryChunk)
	for over := false; ; {
		n, err := local.Read(buffer)
		if n > 0 && !over {
			// Send has encoded the message when it returns: the buffer may be used again. When the pod takes no more, what comes is
			// read and dropped until the answer has been.
			over = stream.Send(&corev1.PodPortForwardRequest{Message: &corev1.PodPortForwardRequest_Data{Data: buffer[:n]}}) != nil
		}
		if errors.Is(err, io.EOF) {
			_ = stream.CloseSend()
			return
		}
		if err != nil {
			cancel() // nobody is left to answer to; no news after the answer's end
			return
		}
	}
}

// receiveRemote writes what the pod sends, until the pod has closed the connection. A local program that is gone is no error.
func receiveRemote(ctx context.Context, stream corev1.PodService_PortForwardPodClient, local net.Conn) error {
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return apierror.FromStatus(err)
		}
		if _, err := local.Write(m.GetData()); err != nil {
			return nil //nolint:nilerr // nobody is left to read it
		}
	}
}
