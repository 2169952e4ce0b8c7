// Package authz says who may do what.
//
// It owns the table of the system's own components, the rules for nodes, and the list of the few methods that
// a caller without a certificate may use. Administrators (system:masters) may do everything; whoever is in no
// table may do nothing. Rules that users write (RBAC) will be another Authorizer beside these.
//
// It refuses to look at what is written: that is admission's. Everything may be called concurrently.
package authz
