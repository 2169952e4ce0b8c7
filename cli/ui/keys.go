package ui

import (
	"unicode/utf8"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

func (m *Model) key(key string) []Effect {
	switch key {
	case "ctrl+c":
		return []Effect{Quit{}}
	case "ctrl+l":
		return []Effect{Redraw{}}
	}
	switch m.mode {
	case modeFilter, modeCommand:
		return m.typing(key)
	case modeConfirm:
		m.mode = modeTable
		if key == "y" {
			m.say(false, "deleting %s…", m.doomed)
			return []Effect{Delete{m.doomed}}
		}
		m.say(false, "%s stays", m.doomed)
		return nil
	case modeText:
		return m.textKey(key)
	}
	m.note = ""
	return m.tableKey(key)
}

// typing edits what is typed.
func (m *Model) typing(key string) []Effect {
	command := m.mode == modeCommand
	switch key {
	case "esc":
		if !command {
			m.table.filter("")
		}
		m.mode, m.typed = modeTable, ""
		return nil
	case "enter":
		typed := m.typed
		m.mode, m.typed = modeTable, ""
		if command {
			return m.command(typed)
		}
		return nil
	case "backspace":
		if _, n := utf8.DecodeLastRuneInString(m.typed); n > 0 {
			m.typed = m.typed[:len(m.typed)-n]
		}
	case "tab":
		if command {
			m.typed = m.complete(m.typed)
		}
	case "space":
		m.typed += " "
	default:
		if utf8.RuneCountInString(key) == 1 && utf8.RuneCountInString(m.typed) < maxTyped {
			m.typed += key
		}
	}
	if !command {
		m.table.filter(m.typed)
	}
	return nil
}

// maxTyped bounds what can be typed: no name is longer.
const maxTyped = 253

func (m *Model) tableKey(key string) []Effect {
	page := m.rowsShown()
	switch key {
	case "q":
		return []Effect{Quit{}}
	case "up", "k":
		m.table.move(-1)
	case "down", "j":
		m.table.move(1)
	case "pgup", "ctrl+b":
		m.table.move(-page)
	case "pgdown", "ctrl+f":
		m.table.move(page)
	case "home", "g":
		m.table.move(-m.table.len())
	case "end", "G":
		m.table.move(m.table.len())
	case "/":
		m.mode, m.typed = modeFilter, m.table.wanted
	case ":":
		m.mode, m.typed = modeCommand, ""
	case "esc":
		m.table.filter("")
	case "0":
		return m.open(m.kind, "")
	case "e":
		return m.command("events")
	case "n":
		return m.command("nodes")
	default:
		return m.objectKey(key)
	}
	return nil
}

// objectKey is a key that is about the chosen object.
func (m *Model) objectKey(key string) []Effect {
	o := m.table.chosen()
	if o == nil {
		return nil
	}
	ref := RefTo(o)
	switch key {
	case "enter", "d":
		if key == "enter" && ref.Kind.Plural() == "namespaces" {
			return m.open(m.find("pods"), ref.Name)
		}
		return m.show("describe", ref)
	case "y":
		return m.show("yaml", ref)
	case "l":
		pod, ok := o.(*corev1.Pod)
		if !ok {
			m.say(true, "only pods have logs")
			return nil
		}
		return m.logs(ref, containersOf(pod), 0)
	case "x", "ctrl+d":
		m.mode, m.doomed = modeConfirm, ref
	}
	return nil
}

func (m *Model) show(form string, ref Ref) []Effect {
	m.mode = modeText
	m.text = text{number: m.text.number + 1, title: form + " " + ref.String()}
	return []Effect{Show{Number: m.text.number, Form: form, Object: ref}}
}

func (m *Model) logs(ref Ref, containers []string, which int) []Effect {
	if len(containers) == 0 {
		m.say(true, "%s has no containers", ref)
		return nil
	}
	which %= len(containers)
	m.mode = modeText
	m.text = text{number: m.text.number + 1, title: "logs of " + containers[which] + ", " + ref.String(), grows: true, tail: true,
		object: ref, containers: containers, container: which}
	return []Effect{FollowLogs{Number: m.text.number, Object: ref, Container: containers[which]}}
}

// textKey moves in a text.
func (m *Model) textKey(key string) []Effect {
	page := m.linesShown()
	switch key {
	case "q", "esc":
		m.mode = modeTable
		m.text = text{number: m.text.number + 1} // what still comes of the old one is dropped
		return []Effect{StopText{}}
	case "c":
		if m.text.grows && len(m.text.containers) > 1 {
			return m.logs(m.text.object, m.text.containers, m.text.container+1)
		}
	case "f":
		m.text.tail = m.text.grows && !m.text.tail
	case "up", "k":
		m.text.move(-1, page)
	case "down", "j", "enter":
		m.text.move(1, page)
	case "pgup", "ctrl+b":
		m.text.move(-page, page)
	case "pgdown", "ctrl+f", "space":
		m.text.move(page, page)
	case "home", "g":
		m.text.move(-len(m.text.lines), page)
	case "end", "G":
		m.text.move(len(m.text.lines), page)
	case "left", "h":
		m.text.left = max(m.text.left-8, 0)
	case "right", "l":
		m.text.left = min(m.text.left+8, maxLine)
	}
	return nil
}

// containersOf are the containers of a pod, the default one first.
func containersOf(p *corev1.Pod) []string {
	var out []string
	first := p.GetMetadata().GetAnnotations()["kubectl.kubernetes.io/default-container"]
	for _, c := range p.GetSpec().GetContainers() {
		if c.GetName() == first {
			out = append([]string{first}, out...)
		} else {
			out = append(out, c.GetName())
		}
	}
	for _, c := range p.GetSpec().GetInitContainers() {
		out = append(out, c.GetName())
	}
	for _, c := range p.GetSpec().GetEphemeralContainers() {
		out = append(out, c.GetEphemeralContainerCommon().GetName())
	}
	return out
}
