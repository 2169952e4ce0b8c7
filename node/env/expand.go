package env

import "strings"

// Expand replaces $(NAME) in a container's command and arguments by the value
// of that variable. $$ stands for one $ (so $$(NAME) is the text $(NAME)); a
// reference to a variable that does not exist stays as it is written.
func Expand(command, args []string, env []KeyValue) (cmd, arguments []string) {
	lookup := lookupIn(env)
	return expandAll(command, lookup), expandAll(args, lookup)
}

// ExpandString is Expand for one string, with any source of values.
func ExpandString(s string, lookup func(name string) (value string, ok bool)) string {
	if !strings.Contains(s, "$") {
		return s
	}
	var b strings.Builder
	for {
		before, after, found := strings.Cut(s, "$")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		switch {
		case strings.HasPrefix(after, "$"):
			b.WriteByte('$')
			s = after[1:]
		case strings.HasPrefix(after, "("):
			name, rest, closed := strings.Cut(after[1:], ")")
			if !closed {
				b.WriteString("$(")
				s = after[1:]
				break
			}
			if value, ok := lookup(name); ok {
				b.WriteString(value)
			} else {
				b.WriteString("$(" + name + ")")
			}
			s = rest
		default:
			b.WriteByte('$')
			s = after
		}
	}
}

// ExpandStrict is ExpandString that names the variables which do not exist, as
// subPathExpr needs: a path with a reference left in it would be a wrong path.
func ExpandStrict(s string, env []KeyValue) (expanded string, missing []string) {
	lookup := lookupIn(env)
	expanded = ExpandString(s, func(name string) (string, bool) {
		value, ok := lookup(name)
		if !ok {
			missing = append(missing, name)
		}
		return value, ok
	})
	return expanded, missing
}

func expandAll(in []string, lookup func(string) (string, bool)) []string {
	if in == nil {
		return nil
	}
	out := make([]string, len(in))
	for i, s := range in {
		out[i] = ExpandString(s, lookup)
	}
	return out
}

func lookupIn(env []KeyValue) func(string) (string, bool) {
	values := make(map[string]string, len(env))
	for _, kv := range env {
		values[kv.Name] = kv.Value
	}
	return func(name string) (string, bool) {
		v, ok := values[name]
		return v, ok
	}
}
