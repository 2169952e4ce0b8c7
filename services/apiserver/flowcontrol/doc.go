// Package flowcontrol keeps any caller from using up the API server.
//
// It owns how many calls are carried out at once, which of those that wait goes next, and which are turned away. Calls
// are sorted into levels by who makes them and what for; each level has a share of the seats, lends what it does not use,
// and divides what it has evenly between the identities that call (see DESIGN.md).
//
// It refuses to decide who may do what, and to look at callers without a certificate before their call has been let in:
// both are package authz's. pool is the pure core: it knows no gRPC, clock or lock. Controller is the shell; everything
// exported may be called concurrently.
package flowcontrol
