package strategy

import (
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	batchv1 "kaji.dev/kaji/gen/kaji/batch/v1"
)

const baseJob = `
apiVersion: batch/v1
kind: Job
metadata: {name: sum, namespace: default, uid: u1}
spec:
  template:
    spec:
      restartPolicy: Never
      containers:
      - {name: sum, image: sum}
`

func TestJobDefaults(t *testing.T) {
	o, _ := build(t, baseJob, `spec: {template: {metadata: {labels: {team: a}}}}`)
	j := o.(*batchv1.Job)
	s := j.GetSpec()
	if s.GetParallelism() != 1 || s.GetCompletions() != 1 || s.GetBackoffLimit() != 6 || s.GetCompletionMode() != "NonIndexed" ||
		s.Suspend == nil || s.GetPodReplacementPolicy() != "TerminatingOrFailed" || s.ManualSelector == nil {
		t.Errorf("defaults: %v", s)
	}
	if got := j.GetMetadata().GetLabels(); got["team"] != "a" || len(got) != 5 || got[jobUIDLabel] != "u1" {
		t.Errorf("labels of the job: %v", j.GetMetadata().GetLabels())
	}
	if got := s.GetSelector().GetMatchLabels(); len(got) != 1 || got[jobUIDLabel] != "u1" {
		t.Errorf("selector: %v", got)
	}
	for key, want := range map[string]string{jobUIDLabel: "u1", jobNameLabel: "sum", oldJobUIDLabel: "u1", oldJobNameLabel: "sum"} {
		if got := s.GetTemplate().GetMetadata().GetLabels()[key]; got != want {
			t.Errorf("label %s of the pods is %q", key, got)
		}
	}
	o, _ = build(t, baseJob, `spec: {parallelism: 3, completionMode: Indexed, completions: 3, backoffLimitPerIndex: 1, podFailurePolicy: {rules: [{action: Ignore, onPodConditions: [{type: DisruptionTarget}]}]}}`)
	s = o.(*batchv1.Job).GetSpec()
	if s.GetBackoffLimit() != 1<<31-1 || s.GetPodReplacementPolicy() != "Failed" || s.GetPodFailurePolicy().GetRules()[0].GetOnPodConditions()[0].GetStatus() != "True" {
		t.Errorf("defaults: %v", s)
	}
	o, _ = build(t, baseJob, `spec: {parallelism: 3}`)
	if o.(*batchv1.Job).GetSpec().Completions != nil {
		t.Error("a job with a parallelism alone was given completions")
	}
}

func TestJobRules(t *testing.T) {
	runCases(t, baseJob, []ruleCase{
		{"plain", `{}`, nil},
		{"no template", `spec: {template: null}`, []string{"spec.selector Required", "spec.template Required"}},
		{"pods that never end", `spec: {template: {spec: {restartPolicy: null}}}`, []string{"spec.template.spec.restartPolicy Required"}},
		{"unknown restart policy", `spec: {template: {spec: {restartPolicy: Sometimes}}}`,
			[]string{"spec.template.spec.restartPolicy NotSupported", "spec.template.spec.restartPolicy NotSupported"}},
		{"a deadline of the pods", `spec: {template: {spec: {activeDeadlineSeconds: 5}}}`, nil},
		{"negative numbers", `spec: {parallelism: -1, completions: -1, backoffLimit: -1, activeDeadlineSeconds: -1, ttlSecondsAfterFinished: -1}`,
			[]string{"spec.parallelism Invalid", "spec.completions Invalid", "spec.backoffLimit Invalid", "spec.activeDeadlineSeconds Invalid", "spec.ttlSecondsAfterFinished Invalid"}},
		{"a selector of its own", `spec: {selector: {matchLabels: {a: b}}}`, []string{"spec.selector Invalid", "spec.template.metadata.labels Invalid"}},
		{"a manual selector", `spec: {manualSelector: true, selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}}}`, nil},
		{"a manual selector of something else", `spec: {manualSelector: true, selector: {matchLabels: {a: c}}, template: {metadata: {labels: {a: b}}}}`, []string{"spec.template.metadata.labels Invalid"}},
		{"a manual selector left out", `spec: {manualSelector: true}`, []string{"spec.selector Required"}},
		{"a label that belongs to the server", `spec: {template: {metadata: {labels: {job-name: other}}}}`, []string{"spec.template.metadata.labels[job-name] Invalid"}},
		{"unknown mode", `spec: {completionMode: Random}`, []string{"spec.completionMode NotSupported"}},
		{"indexed", `spec: {completionMode: Indexed, completions: 3, parallelism: 2}`, nil},
		{"indexed without an end", `spec: {completionMode: Indexed, parallelism: 2}`, []string{"spec.completions Required"}},
		{"indexed with dots", `{metadata: {name: a.b}, spec: {completionMode: Indexed, completions: 3}}`, []string{"metadata.name Invalid"}},
		{"indexed, too wide", `spec: {completionMode: Indexed, completions: 3, parallelism: 100001}`, []string{"spec.parallelism Invalid"}},
		{"limit per index without indexes", `spec: {backoffLimitPerIndex: 1}`, []string{"spec.backoffLimitPerIndex Invalid"}},
		{"failed indexes without a limit", `spec: {completionMode: Indexed, completions: 3, maxFailedIndexes: 1}`, []string{"spec.backoffLimitPerIndex Required"}},
		{"more failed indexes than there are", `spec: {completionMode: Indexed, completions: 3, backoffLimitPerIndex: 1, maxFailedIndexes: 4}`, []string{"spec.maxFailedIndexes Invalid"}},
		{"very many indexes", `spec: {completionMode: Indexed, completions: 100001, parallelism: 10001, backoffLimitPerIndex: 1}`,
			[]string{"spec.maxFailedIndexes Required", "spec.parallelism Invalid"}},
		{"another controller", `spec: {managedBy: example.com/queue}`, nil},
		{"another controller without a domain", `spec: {managedBy: queue}`, []string{"spec.managedBy Invalid"}},
		{"unknown replacement", `spec: {podReplacementPolicy: Never}`, []string{"spec.podReplacementPolicy NotSupported"}},
		{"replacement with a failure policy", `spec: {podReplacementPolicy: TerminatingOrFailed, podFailurePolicy: {rules: []}}`, []string{"spec.podReplacementPolicy NotSupported"}},
		{"failure policy for pods that restart", `spec: {podFailurePolicy: {rules: []}, template: {spec: {restartPolicy: OnFailure}}}`, []string{"spec.template.spec.restartPolicy Invalid"}},
		{"exit codes", `spec: {podFailurePolicy: {rules: [{action: FailJob, onExitCodes: {containerName: sum, operator: In, values: [1, 42]}}]}}`, nil},
		{"exit codes, all wrong", `spec: {podFailurePolicy: {rules: [{action: FailIndex, onExitCodes: {containerName: x, operator: In, values: [5, 0, 5]}}]}}`, []string{
			"spec.podFailurePolicy.rules[0].action Invalid", "spec.podFailurePolicy.rules[0].onExitCodes.containerName Invalid",
			"spec.podFailurePolicy.rules[0].onExitCodes.values Invalid", "spec.podFailurePolicy.rules[0].onExitCodes.values[1] Invalid",
			"spec.podFailurePolicy.rules[0].onExitCodes.values[2] Duplicate"}},
		{"a rule that says nothing", `spec: {podFailurePolicy: {rules: [{action: ""}]}}`, []string{"spec.podFailurePolicy.rules[0] Invalid", "spec.podFailurePolicy.rules[0].action Required"}},
		{"success", `spec: {completionMode: Indexed, completions: 8, successPolicy: {rules: [{succeededIndexes: "0,2-4", succeededCount: 3}]}}`, nil},
		{"success without indexes", `spec: {successPolicy: {rules: [{succeededCount: 1}]}}`, []string{"spec.successPolicy Invalid"}},
		{"success of more than there are", `spec: {completionMode: Indexed, completions: 8, successPolicy: {rules: [{succeededIndexes: "0,2-4", succeededCount: 5}, {succeededIndexes: "3,2"}, {succeededIndexes: "8"}, {}]}}`,
			[]string{"spec.successPolicy.rules[0].succeededCount Invalid", "spec.successPolicy.rules[1].succeededIndexes Invalid",
				"spec.successPolicy.rules[2].succeededIndexes Invalid", "spec.successPolicy.rules[3] Required"}},
		{"a gang larger than the job", `spec: {parallelism: 2, scheduling: {schedulingPolicy: {gang: {minCount: 3}}}}`, []string{"spec.scheduling.schedulingPolicy.gang.minCount Invalid"}},
		{"both ways of scheduling", `spec: {scheduling: {schedulingPolicy: {gang: {}, basic: {}}}}`, []string{"spec.scheduling.schedulingPolicy Invalid"}},
	})
}

func TestJobUpdates(t *testing.T) {
	runUpdates(t, baseJob+"  completions: 1\n", []ruleCase{
		{"narrower", `spec: {parallelism: 0}`, nil},
		{"suspended", `spec: {suspend: true}`, nil},
		{"another deadline", `spec: {activeDeadlineSeconds: 5}`, nil},
		{"another end", `spec: {completions: 2}`, []string{"spec.completions Invalid"}},
		{"another image", `spec: {template: {spec: {containers: {'[0]': {image: "sum:2"}}}}}`, []string{"spec.template Invalid"}},
		{"another node", `spec: {template: {spec: {nodeSelector: {a: b}}}}`, []string{"spec.template Invalid"}},
		{"another controller", `spec: {managedBy: example.com/x}`, []string{"spec.managedBy Invalid"}},
		{"a failure policy", `spec: {podReplacementPolicy: Failed, podFailurePolicy: {rules: []}}`, []string{"spec.podFailurePolicy Invalid"}},
	})
	runUpdates(t, baseJob+"  suspend: true\n", []ruleCase{
		{"another node while suspended", `spec: {template: {metadata: {annotations: {a: b}}, spec: {nodeSelector: {a: b}, affinity: {nodeAffinity: {}}}}}`, nil},
		{"other resources while suspended", `spec: {template: {spec: {containers: {'[0]': {resources: {requests: {cpu: 1}}}}}}}`, nil},
		{"another image while suspended", `spec: {template: {spec: {containers: {'[0]': {image: "sum:2"}}}}}`, []string{"spec.template Invalid"}},
	})
	runUpdates(t, baseJob+"  completionMode: Indexed\n  completions: 4\n  parallelism: 4\n", []ruleCase{
		{"wider and longer", `spec: {completions: 6, parallelism: 6}`, nil},
		{"longer only", `spec: {completions: 6}`, []string{"spec.completions Invalid"}},
		{"no longer indexed", `spec: {completionMode: NonIndexed}`, []string{"spec.completionMode Invalid"}},
	})
}

func TestJobStatus(t *testing.T) {
	const (
		start  = `"startTime": "2026-11-23T10:00:00Z"`
		end    = `"completionTime": "2026-11-23T10:05:00Z"`
		done   = `"conditions": [{"type": "SuccessCriteriaMet", "status": "True"}, {"type": "Complete", "status": "True"}]`
		failed = `"conditions": [{"type": "FailureTarget", "status": "True"}, {"type": "Failed", "status": "True"}]`
	)
	for _, c := range []struct {
		name, old, new, spec string
		want                 []string
	}{
		{"started", `{}`, `{` + start + `, "active": 1}`, `{}`, nil},
		{"complete", `{` + start + `, "active": 1}`, `{` + start + `, ` + end + `, "succeeded": 1, ` + done + `}`, `{}`, nil},
		{"failed", `{` + start + `}`, `{` + start + `, "failed": 7, ` + failed + `}`, `{}`, nil},
		{"complete without a word before", `{` + start + `}`, `{` + start + `, ` + end + `, "conditions": [{"type": "Complete", "status": "True"}]}`, `{}`, []string{"status.conditions Invalid"}},
		{"complete with pods", `{` + start + `}`, `{` + start + `, ` + end + `, "active": 1, ` + done + `}`, `{}`, []string{"status.active Invalid"}},
		{"complete without times", `{}`, `{` + done + `}`, `{}`, []string{"status.completionTime Invalid", "status.startTime Invalid"}},
		{"never failed after all", `{` + start + `, ` + failed + `}`, `{` + start + `}`, `{}`, []string{"status.conditions Invalid", "status.conditions Invalid"}},
		{"counts that shrink", `{"failed": 2, "succeeded": 2}`, `{"failed": 1, "succeeded": 1}`, `{}`, []string{"status.failed Invalid", "status.succeeded Invalid"}},
		{"a start that moves", `{` + start + `}`, `{"startTime": "2026-11-23T11:00:00Z"}`, `{}`, []string{"status.startTime Invalid"}},
		{"a start that moves while suspended", `{` + start + `}`, `{}`, `spec: {suspend: true}`, nil},
		{"counted twice", `{}`, `{"uncountedTerminatedPods": {"succeeded": ["a"], "failed": ["a"]}}`, `{}`, nil},
		{"negative", `{}`, `{"active": -1}`, `{}`, []string{"status.active Invalid", "status.ready Invalid"}},
		{"indexes", `{}`, `{"completedIndexes": "0,2", "failedIndexes": "1"}`, `spec: {completionMode: Indexed, completions: 3, backoffLimitPerIndex: 1}`, nil},
		{"indexes of both sorts", `{}`, `{"completedIndexes": "0-2", "failedIndexes": "1"}`, `spec: {completionMode: Indexed, completions: 3, backoffLimitPerIndex: 1}`, []string{"status.failedIndexes Invalid"}},
		{"indexes that are not there", `{}`, `{"completedIndexes": "3"}`, `spec: {completionMode: Indexed, completions: 3}`, []string{"status.completedIndexes Invalid"}},
		{"indexes of a job without", `{}`, `{"completedIndexes": "0", "failedIndexes": "1"}`, `{}`, []string{"status.completedIndexes Invalid", "status.failedIndexes Invalid"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o, s := build(t, baseJob, c.spec)
			old := o.(*batchv1.Job)
			new := proto.CloneOf(old)
			for text, j := range map[string]*batchv1.Job{c.old: old, c.new: new} {
				if err := protojson.Unmarshal([]byte(text), j.Status); err != nil {
					t.Fatal(err)
				}
			}
			got := brief(s.ValidateStatusUpdate(new, old))
			if c.name == "counted twice" { // which of the two is named first is not said
				if len(got) != 1 {
					t.Errorf("got %q", got)
				}
				return
			}
			if len(got) != len(c.want) {
				t.Fatalf("got %q, want %q", got, c.want)
			}
			for i := range got {
				if got[i] != c.want[i] {
					t.Errorf("got %q, want %q", got, c.want)
				}
			}
		})
	}
}

func TestCronJobRules(t *testing.T) {
	const base = `
apiVersion: batch/v1
kind: CronJob
metadata: {name: report, namespace: default}
spec:
  schedule: "*/5 * * * *"
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: OnFailure
          containers:
          - {name: report, image: report}
`
	runCases(t, base, []ruleCase{
		{"plain", `{}`, nil},
		{"by name", `spec: {schedule: "@daily", timeZone: Asia/Tokyo}`, nil},
		{"no schedule", `spec: {schedule: ""}`, []string{"spec.schedule Required"}},
		{"no such time", `spec: {schedule: "61 * * * *"}`, []string{"spec.schedule Invalid"}},
		{"seconds", `spec: {schedule: "0 0 * * * *"}`, []string{"spec.schedule Invalid"}},
		{"zone within", `spec: {schedule: "CRON_TZ=UTC 0 * * * *"}`, []string{"spec.schedule Invalid"}},
		{"zone within that says nothing", `spec: {schedule: "TZ=0"}`, []string{"spec.schedule Invalid"}},
		{"no such zone", `spec: {timeZone: Mars/Olympus}`, []string{"spec.timeZone Invalid"}},
		{"a zone elsewhere", `spec: {timeZone: ../../etc/passwd}`, []string{"spec.timeZone Invalid"}},
		{"the zone of wherever", `spec: {timeZone: local}`, []string{"spec.timeZone Invalid"}},
		{"a long name", `metadata: {name: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa}`, []string{"metadata.name Invalid"}},
		{"unknown policy", `spec: {concurrencyPolicy: Queue}`, []string{"spec.concurrencyPolicy NotSupported"}},
		{"negative numbers", `spec: {startingDeadlineSeconds: -1, successfulJobsHistoryLimit: -1, failedJobsHistoryLimit: -1}`,
			[]string{"spec.startingDeadlineSeconds Invalid", "spec.successfulJobsHistoryLimit Invalid", "spec.failedJobsHistoryLimit Invalid"}},
		{"no job", `spec: {jobTemplate: null}`, []string{"spec.jobTemplate.spec Required"}},
		{"a selector of its own", `spec: {jobTemplate: {spec: {selector: {matchLabels: {a: b}}, manualSelector: true}}}`,
			[]string{"spec.jobTemplate.spec.manualSelector NotSupported", "spec.jobTemplate.spec.selector Invalid"}},
		{"paths go through", `spec: {jobTemplate: {spec: {template: {spec: {containers: []}}}}}`, []string{"spec.jobTemplate.spec.template.spec.containers Required"}},
	})
	o, _ := build(t, base, `{}`)
	s := o.(*batchv1.CronJob).GetSpec()
	if s.GetConcurrencyPolicy() != "Allow" || s.GetSuccessfulJobsHistoryLimit() != 3 || s.GetFailedJobsHistoryLimit() != 1 || s.Suspend == nil {
		t.Errorf("defaults: %v", s)
	}
	if s.GetJobTemplate().GetSpec().Parallelism != nil {
		t.Error("the template was given what a job gets when it is made")
	}
}
