package mvcc

import (
	"fmt"
	"testing"
	"time"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
)

// BenchmarkFree compacts a million changes, and tells for how long at most writes and reads are held up by it: by all of it at
// once, and by the chunks in which a member does it.
func BenchmarkFree(b *testing.B) {
	const changes, keys = 1_000_000, 100_000
	for _, chunk := range []int{changes, 256} {
		b.Run(fmt.Sprintf("chunk=%d", chunk), func(b *testing.B) {
			var longest time.Duration
			for range b.N {
				b.StopTimer()
				s := New()
				for i := range changes {
					s.Apply([]*storev1.Command{putCommand(fmt.Sprintf("k%06d", i%keys), "value")})
				}
				s.Apply([]*storev1.Command{compactCommand(s.Revision())})
				b.StartTimer()
				for more := true; more; {
					begin := time.Now()
					more = s.Free(chunk)
					longest = max(longest, time.Since(begin))
				}
			}
			b.ReportMetric(float64(longest.Microseconds()), "µs-held")
		})
	}
}

// BenchmarkApply measures entries of 64 puts, as they are and with a copy of the tree taken before each, which is what undoing
// by copies would cost.
func BenchmarkApply(b *testing.B) {
	for _, copies := range []bool{false, true} {
		b.Run(fmt.Sprintf("copies=%t", copies), func(b *testing.B) {
			s := New()
			value := string(make([]byte, 256))
			for i := range 100_000 {
				s.Apply([]*storev1.Command{putCommand(fmt.Sprintf("k%06d", i), value)})
			}
			entries := make([][]*storev1.Command, 64)
			for i := range entries {
				for j := range 64 {
					entries[i] = append(entries[i], putCommand(fmt.Sprintf("k%06d", (i*7919+j*104729)%100_000), value))
				}
			}
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				if copies {
					s.tree.Clone()
				}
				s.Apply(entries[i%len(entries)])
				if i%1000 == 999 {
					s.Apply([]*storev1.Command{compactCommand(s.Revision())})
					for s.Free(chunkChanges) {
					}
				}
			}
		})
	}
}
