package cost

import (
	"fmt"
	"math"
	"strings"

	"example.com/asr"
)

// Size is how much the deployment has to do in a month.
type Size struct {
	Accounts     float64 `json:"accounts"`
	Regions      float64 `json:"regions"`
	Findings     float64 `json:"findings"`     // failed findings of all accounts and Regions
	Updates      float64 `json:"updates"`      // events of each a month: its import, and each later update
	Remediations float64 `json:"remediations"` // runs that write once, without an approval
}

// Sizes are those of the existing solution's guide: 500 findings and 30
// remediations for each account and Region a month, each finding told once.
var Sizes = map[string]Size{
	"small":  {10, 1, 5_000, 1, 300},
	"medium": {100, 1, 50_000, 1, 3_000},
	"large":  {1_000, 10, 5_000_000, 1, 300_000},
}

// Deployment is what the templates and the workflows say.
type Deployment struct {
	Hub, Member, Runbooks Stack
	Run                   Path // of a one-write run without an approval, on a resource that needs a while to settle
	Quick                 Path // of one that is settled within seconds, which apply waits for itself
	Sync                  Path // of some pages
}

// Walk is what a one-write run without an approval calls, in order: it is
// planned, written, looked at, looked at again after a pause, and told of.
// QuickWalk is the same where the pause is short.
var (
	Walk      = []string{"plan", "apply", Wait, "apply", "report"}
	QuickWalk = []string{"plan", "apply", "report"}
)

// Read takes the templates by their names and the workflows' definitions.
func Read(templates map[string][]byte, run, sync []byte) (d Deployment, err error) {
	for name, into := range map[string]*Stack{"asr-hub.yaml": &d.Hub, "asr-member.yaml": &d.Member, "asr-runbooks.yaml": &d.Runbooks} {
		text, ok := templates[name]
		if !ok {
			return d, &asr.Error{Code: asr.CodeBadInput, Message: "there is no template " + name, Do: "this is a defect of asr: report it"}
		}
		if *into, err = ReadTemplate(name, text); err != nil {
			return d, err
		}
	}
	if d.Run, err = WalkDefinition(run, Walk...); err != nil {
		return d, err
	}
	if d.Quick, err = WalkDefinition(run, QuickWalk...); err != nil {
		return d, err
	}
	d.Sync, err = WalkDefinition(sync, "sync")
	return d, err
}

// Bill is what a month costs.
type Bill struct {
	Size          Size         `json:"size"`
	Region        string       `json:"region"`
	Date          string       `json:"date"` // of the prices
	Lines         []Line       `json:"lines"`
	Total         float64      `json:"total"`         // US dollars
	Fixed         float64      `json:"fixed"`         // of it, without any finding or run
	Orchestration float64      `json:"orchestration"` // US dollars of one run that waits: transitions and the functions that drive it
	Transitions   float64      `json:"transitions"`   // of one run that waits
	Assumptions   []Assumption `json:"assumptions"`
}

// Line is one kind of usage.
type Line struct {
	ID       string  `json:"id"`
	Service  string  `json:"service"`
	Unit     string  `json:"unit"`
	Quantity float64 `json:"quantity"`
	USD      float64 `json:"usd"`
	Why      string  `json:"why"`
}

// Compute makes the bill of a size.
func Compute(size Size, d Deployment, prices Prices) (Bill, error) {
	for name, n := range map[string]float64{"accounts": size.Accounts, "Regions": size.Regions, "findings": size.Findings, "updates": size.Updates, "remediations": size.Remediations} {
		if n < 0 || math.IsNaN(n) || math.IsInf(n, 0) {
			return Bill{}, &asr.Error{Code: asr.CodeBadInput, Message: fmt.Sprintf("%v %s can't be meant", n, name), Do: "give a number of zero or more"}
		}
	}
	b := Bill{Size: size, Region: prices.Region, Date: prices.Date, Assumptions: Assumptions}
	b.Lines, b.Total = lines(size, d, prices)
	_, b.Fixed = lines(Size{Accounts: size.Accounts, Regions: size.Regions}, d, prices)
	b.Transitions = d.Run.Transitions()
	b.Orchestration = orchestration(d, prices)
	return b, nil
}

// orchestration is what driving one run costs: transitions and functions.
func orchestration(d Deployment, prices Prices) float64 {
	var u usage
	u.d = d
	u.prices = prices
	u.add("transition", d.Run.Transitions(), "")
	u.add("lambda-request", tasks(d.Run), "")
	u.add("lambda-gbs", d.seconds(d.Run), "")
	return u.total
}

func tasks(p Path) (n float64) {
	for _, calls := range p.Tasks {
		n += float64(calls)
	}
	return n
}

// mean is a number of the average run: some have to wait.
func (d Deployment) mean(of func(Path) float64) float64 {
	return assume("waits")*of(d.Run) + (1-assume("waits"))*of(d.Quick)
}

// seconds are the GB-seconds of the functions on a way.
func (d Deployment) seconds(p Path) (gbs float64) {
	for function, calls := range p.Tasks {
		gbs += float64(calls) * assume(function+"-seconds") * d.Hub.Memory[function]
	}
	return gbs
}

// usage gathers lines.
type usage struct {
	d      Deployment
	prices Prices
	lines  []Line
	total  float64
}

func (u *usage) add(id string, quantity float64, why string, args ...any) {
	p := u.prices.of(id)
	usd := quantity / p.Per * p.USD
	u.total += usd
	u.lines = append(u.lines, Line{id, p.Service, p.Unit, quantity, usd, fmt.Sprintf(why, args...)})
}

// count is how many resources of a type there are in all accounts and Regions.
func (u *usage) count(kind string, s Size) float64 {
	return float64(u.d.Hub.Counts[kind]) + s.Accounts*float64(u.d.Member.Counts[kind]) + s.Accounts*s.Regions*float64(u.d.Runbooks.Counts[kind])
}

// where says in which templates a resource is counted.
func (u *usage) where(kind string) string {
	return fmt.Sprintf("%d in the hub, %d in each account, %d in each account and Region", u.d.Hub.Counts[kind], u.d.Member.Counts[kind], u.d.Runbooks.Counts[kind])
}

// lines are those of a size, and their sum.
func lines(s Size, d Deployment, prices Prices) ([]Line, float64) {
	u := &usage{d: d, prices: prices}
	events := s.Findings*s.Updates + s.Remediations*assume("echoes")
	batches := math.Ceil(events/assume("batch")) + scheduled(d.Hub.Schedules)
	pages := math.Ceil(s.Findings/100) * assume("weeks")
	pulls := math.Ceil(pages / assume("sync-pages"))
	calls := batches + pulls + s.Remediations*d.mean(tasks)
	u.driving(s, events, batches, pages, calls)
	u.keeping(s, events, calls)
	u.watching(s, batches, calls)
	u.guarding(s, calls)
	return u.lines, u.total
}

// scheduled are the calls a month of rules with a rate; those with a cron, which
// run weekly, don't count.
func scheduled(schedules []string) (calls float64) {
	minutes := map[string]float64{"minute": 1, "hour": 60, "day": 24 * 60}
	for _, s := range schedules {
		var n float64
		var unit string
		if _, err := fmt.Sscanf(s, "rate(%g %s", &n, &unit); err != nil {
			continue
		}
		if each := n * minutes[strings.TrimRight(unit, "s)")]; each > 0 {
			calls += 30 * 24 * 60 / each
		}
	}
	return calls
}

// driving is what moves findings and runs.
func (u *usage) driving(s Size, events, batches, pages, calls float64) {
	d := u.d
	pulls := math.Ceil(pages / assume("sync-pages"))
	u.add("transition", s.Remediations*d.mean(Path.Transitions)+pulls*d.Sync.Transitions(), "%.0f a run (start, %s, end), %.0f if it waits; %.0f for %.0f pages of the weekly sync", d.Quick.Transitions(), strings.Join(d.Quick.States, ", "), d.Run.Transitions(), d.Sync.Transitions(), assume("sync-pages"))
	u.add("lambda-request", calls, "%.0f a run, %.0f if it waits; one for %.0f events; one for %.0f pages of the sync; %.0f by schedule", tasks(d.Quick), tasks(d.Run), assume("batch"), assume("sync-pages"), scheduled(u.d.Hub.Schedules))
	gbs := batches*assume("ingest-seconds")*d.Hub.Memory["ingest"] + pages*assume("sync-seconds")*d.Hub.Memory["sync"] + s.Remediations*d.mean(d.seconds)
	u.add("lambda-gbs", gbs, "%.2f a run on average, with each function's memory", d.mean(d.seconds))
	u.add("sqs-request", events+2*batches+assume("polls")*u.count("AWS::Lambda::EventSourceMapping", Size{}), "one send an event; a receive and a delete a batch; polling the empty queue")
	u.add("event", 2*assume("runbooks")*s.Remediations, "requests from Systems Manager and their answers; events of AWS services are free")
}

// keeping is what is stored.
func (u *usage) keeping(s Size, events, calls float64) {
	u.add("dynamodb-write", events*assume("event-writes")+s.Remediations*assume("run-writes"), "%.0f an event, %.0f a run", assume("event-writes"), assume("run-writes"))
	u.add("dynamodb-read", events*assume("event-reads")+s.Remediations*assume("run-reads"), "%.0f an event, %.0f a run", assume("event-reads"), assume("run-reads"))
	gb := (s.Findings*assume("finding-kb") + s.Remediations*assume("run-kb")*assume("retention")) / 1e6
	u.add("dynamodb-storage", gb, "%.0f KB a finding; %.0f KB a run for %.0f months", assume("finding-kb"), assume("run-kb"), assume("retention"))
	u.add("dynamodb-pitr", gb, "as much as is stored")
	large := s.Remediations * assume("large")
	u.add("s3-put", large, "runs that are too large for an item")
	u.add("s3-get", 5*large+calls*assume("cold"), "those five times each; the policy file at cold starts")
	u.add("s3-storage", large*assume("retention")/1e3, "a megabyte each for %.0f months", assume("retention"))
}

// watching is what tells how it goes.
func (u *usage) watching(s Size, batches, calls float64) {
	hub := u.d.Hub
	const hours = 720 // of a month
	published := min(s.Remediations*assume("run-metrics")/hours, assume("most-metrics"))
	u.add("metric", float64(len(hub.CustomMetrics))+published, "%d that the templates name; %.0f a run, by the hour, %.0f at most", len(hub.CustomMetrics), assume("run-metrics"), assume("most-metrics"))
	alarmed := float64(hub.AlarmMetrics) + s.Accounts*float64(u.d.Member.AlarmMetrics) + s.Accounts*s.Regions*float64(u.d.Runbooks.AlarmMetrics)
	u.add("alarm", alarmed, "those of the %s", u.where("AWS::CloudWatch::Alarm"))
	u.add("composite-alarm", u.count("AWS::CloudWatch::CompositeAlarm", s), "%s", u.where("AWS::CloudWatch::CompositeAlarm"))
	u.add("dashboard", u.count("AWS::CloudWatch::Dashboard", s), "%s", u.where("AWS::CloudWatch::Dashboard"))
	logged := calls * assume("log-kb") / 1e6
	u.add("logs-ingested", logged, "%.0f KB an invocation", assume("log-kb"))
	u.add("logs-stored", logged*assume("log-months")/5, "for %.0f months", assume("log-months"))
	roots := batches + s.Remediations
	u.add("trace", min(roots, assume("trace-floor"))+max(roots-assume("trace-floor"), 0)*assume("trace-rest"), "each execution and each batch, sampled by default")
	u.add("sns-publish", s.Remediations, "one outcome a run")
	u.add("sns-delivery", s.Remediations, "to one subscriber")
}

// guarding is keys and secrets.
func (u *usage) guarding(s Size, calls float64) {
	keys := u.count("AWS::KMS::Key", s)
	u.add("kms-key", keys, "%s", u.where("AWS::KMS::Key"))
	u.add("kms-request", assume("kms-requests")*keys+calls*assume("cold"), "data keys, which services cache; the secret at cold starts")
	u.add("secret", u.count("AWS::SecretsManager::Secret", s), "%s", u.where("AWS::SecretsManager::Secret"))
	u.add("secret-request", calls*assume("cold"), "at cold starts")
}
