// Package proxy passes calls on to those who can answer them: what reaches into a pod (logs, exec, attach, forwarded ports) to
// the node that runs it, questions about scheduling to the leading scheduler.
//
// It owns finding the other side, the mutual TLS to it, and passing messages both ways until one side ends. It
// decides nothing but what it must to find the container. Handlers may run concurrently.
package proxy
