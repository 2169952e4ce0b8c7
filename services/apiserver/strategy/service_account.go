package strategy

import corev1 "kaji.dev/kaji/gen/kaji/core/v1"

// serviceAccountRules are those of its metadata: references to secrets may point to what does not exist yet.
func serviceAccountRules() rules[*corev1.ServiceAccount] { return rules[*corev1.ServiceAccount]{} }
