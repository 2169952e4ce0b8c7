package cli_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// TestCreateShows compares what each command would make with what kubectl's would.
func TestCreateShows(t *testing.T) {
	s := newShell(t, server(t, running).Client())
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"job", "migrate", "--image=shop:1", "--", "./migrate", "--all"}, `
apiVersion: batch/v1
kind: Job
metadata:
  name: migrate
  namespace: default
spec:
  template:
    spec:
      containers:
      - command:
        - ./migrate
        - --all
        image: shop:1
        name: migrate
      restartPolicy: Never`},
		{[]string{"cj", "backup", "--image=tools:1", "--schedule=30 2 * * *", "--restart=Never"}, `
apiVersion: batch/v1
kind: CronJob
metadata:
  name: backup
  namespace: default
spec:
  jobTemplate:
    metadata:
      name: backup
    spec:
      template:
        spec:
          containers:
          - image: tools:1
            name: backup
          restartPolicy: Never
  schedule: 30 2 * * *`},
		{[]string{"service", "nodeport", "web", "--tcp=80:8080", "--node-port=30080"}, `
apiVersion: v1
kind: Service
metadata:
  labels:
    app: web
  name: web
  namespace: default
spec:
  ports:
  - name: 80-8080
    nodePort: 30080
    port: 80
    protocol: TCP
    targetPort: 8080
  selector:
    app: web
  type: NodePort`},
		{[]string{"svc", "loadbalancer", "web", "--tcp=80"}, `
apiVersion: v1
kind: Service
metadata:
  labels:
    app: web
  name: web
  namespace: default
spec:
  ports:
  - name: "80"
    port: 80
    protocol: TCP
    targetPort: 80
  selector:
    app: web
  type: LoadBalancer`},
		{[]string{"svc", "externalname", "db", "--external-name=db.example.com"}, `
apiVersion: v1
kind: Service
metadata:
  labels:
    app: db
  name: db
  namespace: default
spec:
  externalName: db.example.com
  selector:
    app: db
  type: ExternalName`},
		{[]string{"ingress", "shop", "--class=nginx", "--default-backend=other:http", "--annotation=a/b=c,d",
			"--rule=x.org/*=web:80,tls=cert", "--rule=y.org/=y:1,tls=cert", "--rule=x.org/cart=cart:http,tls=cert", "--rule=z.org/=z:1,tls", "--rule=/any=any:9,tls"}, `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  annotations:
    a/b: c,d
  name: shop
  namespace: default
spec:
  defaultBackend:
    service:
      name: other
      port:
        name: http
  ingressClassName: nginx
  rules:
  - host: x.org
    http:
      paths:
      - backend:
          service:
            name: web
            port:
              number: 80
        path: /
        pathType: Prefix
      - backend:
          service:
            name: cart
            port:
              name: http
        path: /cart
        pathType: Exact
  - host: y.org
    http:
      paths:
      - backend:
          service:
            name: "y"
            port:
              number: 1
        path: /
        pathType: Exact
  - host: z.org
    http:
      paths:
      - backend:
          service:
            name: z
            port:
              number: 1
        path: /
        pathType: Exact
  - http:
      paths:
      - backend:
          service:
            name: any
            port:
              number: 9
        path: /any
        pathType: Exact
  tls:
  - hosts:
    - x.org
    - y.org
    secretName: cert
  - hosts:
    - z.org`},
		{[]string{"pdb", "web", "--selector=app=web,tier in (a,b)", "--min-available=50%"}, `
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: web
  namespace: default
spec:
  minAvailable: 50%
  selector:
    matchExpressions:
    - key: tier
      operator: In
      values:
      - a
      - b
    matchLabels:
      app: web`},
		{[]string{"poddisruptionbudget", "web", "--selector=app=web", "--max-unavailable=0"}, `
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: web
  namespace: default
spec:
  maxUnavailable: 0
  selector:
    matchLabels:
      app: web`},
		{[]string{"priorityclass", "high", "--value=1000", "--global-default", "--description=for customers", "--preemption-policy=Never"}, `
apiVersion: scheduling.k8s.io/v1
description: for customers
globalDefault: true
kind: PriorityClass
metadata:
  name: high
preemptionPolicy: Never
value: 1000`},
		{[]string{"quota", "team", "--hard=pods=0,requests.cpu=4", "--scopes=BestEffort,NotTerminating"}, `
apiVersion: v1
kind: ResourceQuota
metadata:
  name: team
  namespace: default
spec:
  hard:
    pods: "0"
    requests.cpu: "4"
  scopes:
  - BestEffort
  - NotTerminating`},
		{[]string{"role", "reader", "--verb=get,list,get", "--resource=pods,po/log,deployments.apps,rs", "--resource-name=a", "--resource-name=b"}, `
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: reader
  namespace: default
rules:
- apiGroups:
  - ""
  resourceNames:
  - a
  - b
  resources:
  - pods
  - pods/log
  verbs:
  - get
  - list
- apiGroups:
  - apps
  resourceNames:
  - a
  - b
  resources:
  - deployments
  - replicasets
  verbs:
  - get
  - list`},
		{[]string{"clusterrole", "health", "--verb=get", "--resource=nodes", "--non-resource-url=/healthz,/logs/*"}, `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: health
rules:
- apiGroups:
  - ""
  resources:
  - nodes
  verbs:
  - get
- nonResourceURLs:
  - /healthz
  - /logs/*
  verbs:
  - get`},
		{[]string{"clusterrole", "monitoring", "--aggregation-rule=for=monitoring"}, `
aggregationRule:
  clusterRoleSelectors:
  - matchLabels:
      for: monitoring
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: monitoring`},
		{[]string{"rolebinding", "build", "--clusterrole=edit", "--user=CN=ann,O=shop", "--group=support", "--serviceaccount=shop:builder"}, `
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: build
  namespace: default
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: edit
subjects:
- apiGroup: rbac.authorization.k8s.io
  kind: User
  name: CN=ann,O=shop
- apiGroup: rbac.authorization.k8s.io
  kind: Group
  name: support
- kind: ServiceAccount
  name: builder
  namespace: shop`},
		{[]string{"clusterrolebinding", "admins", "--clusterrole=cluster-admin", "--group=operators"}, `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: admins
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: cluster-admin
subjects:
- apiGroup: rbac.authorization.k8s.io
  kind: Group
  name: operators`},
	} {
		t.Run(strings.Join(test.args[:2], " "), func(t *testing.T) {
			var got, want any
			shown := s.ok(append([]string{"create", "--dry-run=client", "-o", "yaml"}, test.args...)...)
			if err := errors.Join(yaml.Unmarshal([]byte(shown), &got), yaml.Unmarshal([]byte(test.want), &want)); err != nil {
				t.Fatal(err)
			}
			// Kaji writes fields in the order of their declaration, kubectl in that of the alphabet.
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got\n%s\nwant\n%s", shown, test.want)
			}
		})
	}
}

// TestCreateIsTaken has a real API server check what the commands make.
func TestCreateIsTaken(t *testing.T) {
	s, _ := realShell(t)
	for args, want := range map[string]string{
		"job once --image=i:1":                                                "job.batch/once created",
		"cronjob nightly --image=i:1 --schedule=@daily":                       "cronjob.batch/nightly created",
		"service nodeport np --tcp=80":                                        "service/np created",
		"service loadbalancer lb --tcp=80":                                    "service/lb created",
		"service externalname en --external-name=db.example.com":              "service/en created",
		"ingress in --rule=x.org/*=web:80,tls=cert":                           "ingress.networking.k8s.io/in created",
		"pdb web --selector=app=web --max-unavailable=25%":                    "poddisruptionbudget.policy/web created",
		"pc high --value=5":                                                   "priorityclass.scheduling.k8s.io/high created",
		"quota team --hard=pods=5":                                            "resourcequota/team created",
		"role reader --verb=* --resource=*,pods/log":                          "role.rbac.authorization.k8s.io/reader created",
		"clusterrole health --verb=get --non-resource-url=*":                  "clusterrole.rbac.authorization.k8s.io/health created",
		"rolebinding readers --role=reader --user=ann":                        "rolebinding.rbac.authorization.k8s.io/readers created",
		"clusterrolebinding health --clusterrole=health --serviceaccount=a:b": "clusterrolebinding.rbac.authorization.k8s.io/health created",
	} {
		same(t, s.ok(append([]string{"create"}, strings.Fields(args)...)...), want)
	}
	same(t, s.ok("create", "quota", "more", "--hard=pods=20,requests.cpu=4"), "resourcequota/more created")
	same(t, s.ok("get", "quota/more", "-o", "jsonpath={.spec.hard}"), `{"pods":"20","requests.cpu":"4"}`)
	s.ok("patch", "cronjob/nightly", "--type=merge", "-p", `{"spec":{"jobTemplate":{"metadata":{"labels":{"a":"b"},"annotations":{"c":"d"}},"spec":{"backoffLimit":3}}}}`)
	same(t, s.ok("create", "job", "now", "--from=cronjob/nightly"), "job.batch/now created")
	uid := s.ok("get", "cronjob/nightly", "-o", "jsonpath={.metadata.uid}")
	same(t, s.ok("get", "job/now", "-o", `jsonpath={.metadata.labels} {.metadata.annotations.c} {.metadata.annotations.cronjob\.kubernetes\.io/instantiate} {.spec.backoffLimit} {.spec.template.spec.containers[0].image}`),
		`{"a":"b"} d manual 3 i:1`)
	same(t, s.ok("get", "job/now", "-o", "jsonpath={.metadata.ownerReferences[0].kind} {.metadata.ownerReferences[0].name} {.metadata.ownerReferences[0].controller} {.metadata.ownerReferences[0].uid}"), "CronJob nightly true "+uid)
	s.fails([]string{"not found"}, "create", "job", "x", "--from=cj/other")
	s.fails([]string{"schedule"}, "create", "cronjob", "bad", "--image=i", "--schedule=often")
	s.fails([]string{"already exists"}, "create", "job", "now", "--image=i")
}

func TestCreateKindsRefuse(t *testing.T) {
	s := newShell(t, server(t, running).Client())
	for args, want := range map[string]string{
		"job x":                            "at least one of the flags",
		"job x --image=i --from=cronjob/y": "none of the others can be",
		"job x --from=cronjob/y -- run":    "takes no command",
		"job x --from=y":                   "cronjob/NAME",
		"job x --from=pod/y":               "--from names a cron job",
		"cronjob x --image=i":              `required flag(s) "schedule"`,
		"cronjob x --image=i --schedule=@daily --restart=A": "OnFailure or Never",
		"service other x":                                 `no service of type "other"`,
		"service nodeport x":                              `required flag(s) "tcp"`,
		"service nodeport x --tcp=1,2 --node-port=3":      "for one --tcp only",
		"service nodeport x --tcp=1 --node-port=70000":    "--node-port is a number",
		"service externalname x":                          `required flag(s) "external-name"`,
		"ingress x":                                       "at least one of the flags",
		"ingress x --rule=x.org=a:1":                      "HOST/PATH=SERVICE:PORT",
		"ingress x --rule=x.org/=a":                       "SERVICE:PORT",
		"ingress x --rule=x.org/=a:0":                     "number from 1 to 65535",
		"ingress x --rule=x.org/=a:1,ssl":                 "HOST/PATH=SERVICE:PORT",
		"ingress x --rule=x.org/=a:1,tls=":                "HOST/PATH=SERVICE:PORT",
		"pdb x --selector=a=b":                            "at least one of the flags",
		"pdb x --min-available=1":                         `required flag(s) "selector"`,
		"pdb x --selector=a=b --min-available=101%":       "a number of pods or a percentage",
		"pdb x --selector=a=b --min-available=-1":         "a number of pods or a percentage",
		"pdb x --selector==b --min-available=1":           "--selector",
		"pc x --value=1 --preemption-policy=Sometimes":    "PreemptLowerPriority or Never",
		"quota x --hard=pods":                             "NAME=QUANTITY",
		"quota x --hard=pods=many":                        "no quantity",
		"role x --verb=get":                               `required flag(s) "resource"`,
		"role x --verb=get --resource=podz":               `no kind "podz"`,
		"role x --verb=get --resource=pods/":              "RESOURCE[.GROUP][/SUBRESOURCE]",
		"clusterrole x --verb=get":                        "give --verb with",
		"clusterrole x --verb=get --non-resource-url=a":   "begins with /",
		"clusterrole x --verb=get --aggregation-rule=a=b": "none of the others can be",
		"rolebinding x --user=a":                          "at least one of the flags",
		"rolebinding x --role=a --serviceaccount=b":       "NAMESPACE:NAME",
		"clusterrolebinding x":                            `required flag(s) "clusterrole"`,
	} {
		s.fails([]string{want}, append([]string{"create"}, strings.Fields(args)...)...)
	}
	if r := s.run("create", "role", "x", "--verb=look", "--resource=pods", "--dry-run=client"); r.code != 0 || !strings.Contains(r.err, `"look" is not a usual verb`) {
		t.Errorf("an odd verb: %+v", r)
	}
}
