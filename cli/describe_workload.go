package cli

import (
	"fmt"
	"strings"
	"time"

	"kaji.dev/kaji/cli/printers"
	appsv1 "kaji.dev/kaji/gen/kaji/apps/v1"
	batchv1 "kaji.dev/kaji/gen/kaji/batch/v1"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/kind"
)

func (d *describer) statefulSet(o *appsv1.StatefulSet) {
	w, spec, status := d.w, o.GetSpec(), o.GetStatus()
	d.head(o)
	w.field(0, "Selector", printers.LabelSelector(spec.GetSelector()))
	w.some(0, "Service", spec.GetServiceName())
	w.field(0, "Replicas", fmt.Sprintf("%d desired | %d updated | %d total | %d ready | %d available",
		spec.GetReplicas(), status.GetUpdatedReplicas(), status.GetReplicas(), status.GetReadyReplicas(), status.GetAvailableReplicas()))
	w.field(0, "Pod Management", spec.GetPodManagementPolicy())
	w.field(0, "Update Strategy", spec.GetUpdateStrategy().GetType())
	if r := spec.GetUpdateStrategy().GetRollingUpdate(); r != nil {
		w.field(0, "Partition", fmt.Sprint(r.GetPartition()))
		w.some(0, "Max Unavailable", portText(r.GetMaxUnavailable()))
	}
	text, err := selectorText(spec.GetSelector())
	d.phases(o, text, err)
	describeTemplate(w, spec.GetTemplate())
	if claims := spec.GetVolumeClaimTemplates(); len(claims) > 0 {
		rows := [][]string{{"Name", "Storage Class", "Capacity", "Access Modes"}}
		for _, c := range claims {
			class := "<default>"
			if c.GetSpec().StorageClassName != nil {
				class = c.GetSpec().GetStorageClassName()
			}
			rows = append(rows, []string{
				c.GetMetadata().GetName(), class, c.GetSpec().GetResources().GetRequests()["storage"].GetString_(), strings.Join(c.GetSpec().GetAccessModes(), ","),
			})
		}
		w.table(0, "Volume Claims", rows)
	}
	describeConditions(w, status.GetConditions())
}

func (d *describer) daemonSet(o *appsv1.DaemonSet) {
	w, spec, status := d.w, o.GetSpec(), o.GetStatus()
	d.head(o)
	w.field(0, "Selector", printers.LabelSelector(spec.GetSelector()))
	w.pairs(0, "Node-Selector", spec.GetTemplate().GetSpec().GetNodeSelector())
	w.field(0, "Nodes", fmt.Sprintf("%d desired | %d scheduled | %d updated | %d ready | %d available | %d misscheduled",
		status.GetDesiredNumberScheduled(), status.GetCurrentNumberScheduled(), status.GetUpdatedNumberScheduled(),
		status.GetNumberReady(), status.GetNumberAvailable(), status.GetNumberMisscheduled()))
	w.field(0, "Update Strategy", spec.GetUpdateStrategy().GetType())
	if r := spec.GetUpdateStrategy().GetRollingUpdate(); r != nil {
		w.field(0, "Rolling Update", fmt.Sprintf("%s max unavailable, %s max surge", portText(r.GetMaxUnavailable()), portText(r.GetMaxSurge())))
	}
	text, err := selectorText(spec.GetSelector())
	d.phases(o, text, err)
	describeTemplate(w, spec.GetTemplate())
	describeConditions(w, status.GetConditions())
}

func (d *describer) replicationController(o *corev1.ReplicationController) {
	w, spec, status := d.w, o.GetSpec(), o.GetStatus()
	d.head(o)
	w.pairs(0, "Selector", spec.GetSelector())
	w.field(0, "Replicas", fmt.Sprintf("%d current / %d desired, %d ready", status.GetReplicas(), spec.GetReplicas(), status.GetReadyReplicas()))
	d.phases(o, strings.Join(sortedPairs(spec.GetSelector()), ","), nil)
	describeTemplate(w, spec.GetTemplate())
	describeConditions(w, status.GetConditions())
}

func (d *describer) job(o *batchv1.Job) {
	w, spec, status := d.w, o.GetSpec(), o.GetStatus()
	d.head(o)
	w.field(0, "Selector", printers.LabelSelector(spec.GetSelector()))
	describeJobSpec(w, spec)
	w.field(0, "Suspended", fmt.Sprint(spec.GetSuspend()))
	if t := status.GetStartTime(); t != nil {
		w.field(0, "Start Time", d.when(t))
	}
	if t := status.GetCompletionTime(); t != nil {
		w.field(0, "Completed At", d.when(t))
		if from := status.GetStartTime(); from != nil {
			w.field(0, "Duration", t.AsTime().Sub(from.AsTime()).Round(time.Second).String())
		}
	}
	w.field(0, "Pods Status", fmt.Sprintf("%d Active (%d Ready) / %d Succeeded / %d Failed", status.GetActive(), status.GetReady(), status.GetSucceeded(), status.GetFailed()))
	w.some(0, "Completed Indexes", status.GetCompletedIndexes())
	w.some(0, "Failed Indexes", status.GetFailedIndexes())
	describeTemplate(w, spec.GetTemplate())
	describeConditions(w, status.GetConditions())
}

func (d *describer) cronJob(o *batchv1.CronJob) {
	w, spec, status := d.w, o.GetSpec(), o.GetStatus()
	d.head(o)
	w.field(0, "Schedule", spec.GetSchedule())
	w.some(0, "Time Zone", spec.GetTimeZone())
	w.field(0, "Suspended", fmt.Sprint(spec.GetSuspend()))
	w.field(0, "Concurrency Policy", spec.GetConcurrencyPolicy())
	if spec.StartingDeadlineSeconds != nil {
		w.field(0, "Starting Deadline", fmt.Sprintf("%ds", spec.GetStartingDeadlineSeconds()))
	}
	w.field(0, "History Kept", fmt.Sprintf("%d successful, %d failed", spec.GetSuccessfulJobsHistoryLimit(), spec.GetFailedJobsHistoryLimit()))
	if t := status.GetLastScheduleTime(); t != nil {
		w.field(0, "Last Schedule", d.when(t))
	}
	if t := status.GetLastSuccessfulTime(); t != nil {
		w.field(0, "Last Success", d.when(t))
	}
	var active []string
	for _, job := range status.GetActive() {
		active = append(active, job.GetName())
	}
	w.list(0, "Active Jobs", active)
	describeJobSpec(w, spec.GetJobTemplate().GetSpec())
	describeTemplate(w, spec.GetJobTemplate().GetSpec().GetTemplate())
}

// describeJobSpec writes how often a job runs its pods, and when it gives up.
func describeJobSpec(w *description, spec *batchv1.JobSpec) {
	number := func(name string, n *int32) {
		if n != nil {
			w.field(0, name, fmt.Sprint(*n))
		}
	}
	number("Parallelism", spec.Parallelism)
	number("Completions", spec.Completions)
	w.some(0, "Completion Mode", spec.GetCompletionMode())
	number("Backoff Limit", spec.BackoffLimit)
	number("Backoff Limit Per Index", spec.BackoffLimitPerIndex)
	if spec.ActiveDeadlineSeconds != nil {
		w.field(0, "Active Deadline", fmt.Sprintf("%ds", spec.GetActiveDeadlineSeconds()))
	}
	if spec.TtlSecondsAfterFinished != nil {
		w.field(0, "Deleted After End", fmt.Sprintf("%ds", spec.GetTtlSecondsAfterFinished()))
	}
}

// workloadCondition is a condition of any workload.
type workloadCondition interface {
	GetType() string
	GetStatus() string
	GetReason() string
	GetMessage() string
}

func describeConditions[C workloadCondition](w *description, conditions []C) {
	rows := [][]string{{"Type", "Status", "Reason", "Message"}}
	for _, c := range conditions {
		rows = append(rows, []string{c.GetType(), c.GetStatus(), c.GetReason(), c.GetMessage()})
	}
	w.table(0, "Conditions", rows)
}

// phases writes how many of an owner's pods are in which phase. err is why there is no selector to find them by.
func (d *describer) phases(o kind.Object, selector string, err error) {
	var pods []*corev1.Pod
	if err == nil {
		pods, err = podsBy(d.ctx, d.conn, o.GetMetadata().GetNamespace(), selector)
	}
	if err != nil {
		d.unreadable("Pods Status", err)
		return
	}
	count := map[string]int{}
	for _, p := range pods {
		if controlledBy(p, o) {
			count[p.GetStatus().GetPhase()]++
		}
	}
	d.w.field(0, "Pods Status", fmt.Sprintf("%d Running / %d Waiting / %d Succeeded / %d Failed",
		count["Running"], count["Pending"], count["Succeeded"], count["Failed"]))
}
