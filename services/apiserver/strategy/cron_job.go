package strategy

import (
	"regexp"
	"strings"
	"time"
	_ "time/tzdata" // so that time zones are the same on every machine

	"github.com/robfig/cron/v3"
	"k8s.io/apimachinery/pkg/util/validation/field"

	batchv1 "kaji.dev/kaji/gen/kaji/batch/v1"
)

// maxCronJobName leaves room for the eleven characters that the names of its jobs end with.
const maxCronJobName = 52

func cronJobRules() rules[*batchv1.CronJob] {
	return rules[*batchv1.CronJob]{
		defaults:      defaultCronJob,
		validate:      validateCronJob,
		prepareCreate: func(c *batchv1.CronJob) { c.Status = &batchv1.CronJobStatus{} },
	}
}

func defaultCronJob(c *batchv1.CronJob) {
	if c.Spec == nil {
		c.Spec = &batchv1.CronJobSpec{}
	}
	s := c.Spec
	setDefault(&s.ConcurrencyPolicy, "Allow")
	setDefaultPtr(&s.Suspend, false)
	setDefaultPtr(&s.SuccessfulJobsHistoryLimit, int32(3))
	setDefaultPtr(&s.FailedJobsHistoryLimit, int32(1))
	// The rest of a job is filled in when one is made.
	defaultJobSpec(s.GetJobTemplate().GetSpec())
}

func validateCronJob(c *batchv1.CronJob) field.ErrorList {
	path, s := field.NewPath("spec"), c.GetSpec()
	if s == nil {
		return field.ErrorList{field.Required(path, "")}
	}
	errs := validateSchedule(s, path)
	if name := c.GetMetadata().GetName(); len(name) > maxCronJobName {
		errs = append(errs, field.Invalid(field.NewPath("metadata", "name"), name, "must be no more than 52 characters"))
	}
	errs = append(errs, nonNegative(path.Child("startingDeadlineSeconds"), s.GetStartingDeadlineSeconds())...)
	errs = append(errs, nonNegative(path.Child("successfulJobsHistoryLimit"), int64(s.GetSuccessfulJobsHistoryLimit()))...)
	errs = append(errs, nonNegative(path.Child("failedJobsHistoryLimit"), int64(s.GetFailedJobsHistoryLimit()))...)
	errs = append(errs, oneOf(path.Child("concurrencyPolicy"), s.ConcurrencyPolicy, "Allow", "Forbid", "Replace")...)
	template := path.Child("jobTemplate")
	job := s.GetJobTemplate().GetSpec()
	errs = append(errs, validateLabels(s.GetJobTemplate().GetMetadata().GetLabels(), template.Child("metadata", "labels"))...)
	errs = append(errs, validateAnnotations(s.GetJobTemplate().GetMetadata().GetAnnotations(), template.Child("metadata", "annotations"))...)
	if job == nil {
		return append(errs, field.Required(template.Child("spec"), ""))
	}
	errs = append(errs, validateJobSpec(job, template.Child("spec"))...)
	if job.Selector != nil {
		errs = append(errs, field.Invalid(template.Child("spec", "selector"), summary(job.Selector), "`selector` will be auto-generated"))
	}
	if job.GetManualSelector() {
		errs = append(errs, field.NotSupported(template.Child("spec", "manualSelector"), true, []string{"nil", "false"}))
	}
	return errs
}

func validateSchedule(s *batchv1.CronJobSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	switch {
	case s.Schedule == "":
		errs = append(errs, field.Required(path.Child("schedule"), "when jobs are made, as in crontab(5)"))
	case strings.Contains(s.Schedule, "TZ"):
		errs = append(errs, field.Invalid(path.Child("schedule"), s.Schedule, "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"))
	default:
		if _, err := cron.ParseStandard(s.Schedule); err != nil {
			errs = append(errs, field.Invalid(path.Child("schedule"), s.Schedule, err.Error()))
		}
	}
	if s.TimeZone != nil {
		errs = append(errs, validateTimeZone(s.GetTimeZone(), path.Child("timeZone"))...)
	}
	return errs
}

// timeZonePart is one part of a name of a time zone: what the IANA gives out, and what it once gave out.
var timeZonePart = regexp.MustCompile(`^[A-Za-z._0-9+][A-Za-z.\-_0-9+]{0,13}$`)

func validateTimeZone(name string, path *field.Path) field.ErrorList {
	if name == "" {
		return field.ErrorList{field.Invalid(path, name, "timeZone must be nil or non-empty string")}
	}
	// LoadLocation opens files: it must not be led elsewhere.
	for _, part := range strings.Split(name, "/") {
		if part == "." || part == ".." || !timeZonePart.MatchString(part) {
			return field.ErrorList{field.Invalid(path, name, "unknown time zone "+name)}
		}
	}
	if strings.EqualFold(name, "Local") {
		return field.ErrorList{field.Invalid(path, name, "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones")}
	}
	if _, err := time.LoadLocation(name); err != nil {
		return field.ErrorList{field.Invalid(path, name, err.Error())}
	}
	return nil
}
