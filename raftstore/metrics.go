package raftstore

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics is what a member tells about itself.
type metrics struct {
	applySeconds   prometheus.Histogram
	batchCommands  prometheus.Histogram
	proposeSeconds prometheus.Histogram
	readRounds     prometheus.Counter
	reads          prometheus.Counter
	leaderChanges  prometheus.Counter
	exchangeCalls  *prometheus.CounterVec
	exchangeBatch  prometheus.Histogram
	leftOut        prometheus.Counter
}

func newMetrics() *metrics {
	return &metrics{
		applySeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "kaji_store_apply_seconds", Help: "Time to apply one log entry to the state machine.",
			Buckets: prometheus.ExponentialBuckets(1e-5, 4, 10),
		}),
		batchCommands: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "kaji_store_batch_commands", Help: "Commands in one log entry.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 12),
		}),
		proposeSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "kaji_store_commit_seconds", Help: "Time from proposing a log entry to having applied it, on the leader.",
			Buckets: prometheus.ExponentialBuckets(1e-4, 2.5, 12),
		}),
		readRounds: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "kaji_store_read_rounds_total", Help: "Times the leader confirmed its leadership for reads.",
		}),
		reads: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "kaji_store_linearizable_reads_total", Help: "Reads that waited for such a confirmation.",
		}),
		leaderChanges: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "kaji_store_leader_changes_total", Help: "Times this member began to lead.",
		}),
		exchangeCalls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kaji_store_exchange_calls_total", Help: "Calls that came by Exchange, which kaji_grpc_calls_total does not count, by method and outcome: OK, TOO_LARGE, or the reason of the error.",
		}, []string{"method", "outcome"}),
		exchangeBatch: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "kaji_store_exchange_batch_calls", Help: "Calls in one message of an Exchange.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 12),
		}),
		leftOut: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "kaji_store_left_out_total", Help: "Commands and log entries that were left out, by all members alike, as applying them failed.",
		}),
	}
}

func (m *metrics) applied(commands int, took time.Duration) {
	m.applySeconds.Observe(took.Seconds())
	m.batchCommands.Observe(float64(commands))
}

// register shows the metrics of a member in a registry.
func (m *Member) register(r prometheus.Registerer) error {
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value)
	}
	for _, c := range []prometheus.Collector{
		m.metrics.applySeconds, m.metrics.batchCommands, m.metrics.proposeSeconds,
		m.metrics.readRounds, m.metrics.reads, m.metrics.leaderChanges, m.metrics.leftOut,
		m.metrics.exchangeCalls, m.metrics.exchangeBatch,
		gauge("kaji_store_revision", "Newest revision applied.", func() float64 { return float64(m.state.Revision()) }),
		gauge("kaji_store_compact_revision", "Oldest revision that can be read.", func() float64 { return float64(m.state.Stats().Compacted) }),
		gauge("kaji_store_keys", "Keys in the newest revision.", func() float64 { return float64(m.state.Stats().Keys) }),
		gauge("kaji_store_bytes", "Bytes of keys and values held, history included.", func() float64 { return float64(m.state.Stats().Bytes) }),
		gauge("kaji_store_live_bytes", "Bytes of keys and values in the newest revision, which the quota bounds.", func() float64 { return float64(m.state.Stats().LiveBytes) }),
		gauge("kaji_store_quota_bytes", "Bound of the live bytes.", func() float64 { return float64(m.cfg.QuotaBytes) }),
		gauge("kaji_store_alarms", "What this member is short of: quota, disk, room for history.", func() float64 { return float64(len(m.room.alarms(m.state.Stats()))) }),
		gauge("kaji_store_disk_free_bytes", "Bytes free on the disk of the member's data.", func() float64 { return float64(m.room.free.Load()) }),
		gauge("kaji_store_disk_reserve_bytes", "Bytes of the disk that are kept free.", func() float64 { return float64(m.room.reserve.Load()) }),
		gauge("kaji_store_leases", "Leases.", func() float64 { return float64(m.state.Stats().Leases) }),
		gauge("kaji_store_watchers", "Watches that this member serves.", func() float64 { return float64(m.hub.Watchers()) }),
		gauge("kaji_store_queued_writes", "Writes waiting for a log entry.", func() float64 { return float64(m.proposals.waiting.Load()) }),
		gauge("kaji_store_is_leader", "1 when this member leads.", func() float64 {
			if m.leading() {
				return 1
			}
			return 0
		}),
		gauge("kaji_store_format", "Format of log and snapshots, as far as this member has applied.", func() float64 { return float64(m.state.Format()) }),
		gauge("kaji_store_newest_format", "Newest format that this member reads.", func() float64 { return float64(m.fsm.newest) }),
		gauge("kaji_store_raft_term", "Raft term.", func() float64 { return float64(m.raft.CurrentTerm()) }),
		gauge("kaji_store_raft_applied_index", "Last log index applied.", func() float64 { return float64(m.raft.AppliedIndex()) }),
	} {
		if err := r.Register(c); err != nil {
			return err
		}
	}
	return nil
}
