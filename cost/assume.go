package cost

// Assumption is a number that no template says. The bill names each.
type Assumption struct {
	ID    string  `json:"id"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
	Why   string  `json:"why"`
}

// Assumptions are what a bill is computed with. What follows from the code, or
// was measured on the emulator, is rounded up; nothing here was measured on AWS.
var Assumptions = []Assumption{
	{"batch", 10, "messages", "that one ingest invocation takes from the queue; the mapping's batch size"},
	{"polls", 650_000, "requests a month", "that Lambda's five pollers make on an empty queue: each asks every 20 seconds"},
	{"ingest-seconds", 0.5, "seconds", "that ingest takes for a batch"},
	{"plan-seconds", 2, "seconds", "that plan takes: two sessions, some reads, two commits"},
	{"apply-seconds", 4, "seconds", "that each apply takes: sessions, reads, one write, commits, waits of up to five seconds"},
	{"report-seconds", 1, "seconds", "that report takes: BatchUpdateFindings, one message, one metric"},
	{"sync-seconds", 5, "seconds", "that sync takes for a page of 100 findings"},
	{"sync-pages", 50, "pages", "that one sync invocation takes before its five minutes are up"},
	{"waits", 0.25, "of the runs", "that wait in a state of their own, because their resource needs more than five seconds to settle: about a fifth of the remediations do"},
	{"echoes", 3, "events a run", "that a run causes: its report comes back, Security Hub tells PASSED, the execution's end"},
	{"event-writes", 10, "write units an event", "a finding of up to 4 KB in one write, and its places in three indexes, each taken out and put in anew; 7 with the emulator's small findings"},
	{"event-reads", 2, "read units an event", "the finding and the last run of its claim"},
	{"run-writes", 170, "write units a run", "eight commits of a run of up to 2 KB, compressed, with its records, claim, locks, index places and report, in transactions, which count twice; its finding twice; half a dozen calls in the journal. About 140 on the emulator"},
	{"run-reads", 80, "read units a run", "the run before each step and each commit, heads of chains, settings; 76 on the emulator"},
	{"finding-kb", 6, "KB a finding", "stored, with its keys in the indexes"},
	{"run-kb", 40, "KB a run", "stored with records, journal and indexes"},
	{"retention", 12, "months", "that runs are kept; the table's default"},
	{"log-kb", 2, "KB an invocation", "of log: Lambda's own three lines and ours, without findings' bodies"},
	{"log-months", 12, "months", "that logs are kept, compressed to a fifth"},
	{"run-metrics", 4, "metrics a run", "that its end publishes: its outcome, that of its control, time to fix, time saved or the reason; CloudWatch charges the hours in which a metric is published"},
	{"most-metrics", 250, "metrics", "that ends of runs can publish: outcomes, two outcomes of each of 112 controls, reasons"},
	{"cold", 0.05, "of the invocations", "that start a new environment, which reads the secret and the policy file"},
	{"kms-requests", 60_000, "requests a month", "of queue, table, topics and logs with a key of ours, each of which caches data keys for minutes; only if the template makes the key"},
	{"large", 0.02, "of the runs", "that are too large for an item and go to S3"},
	{"runbooks", 0.05, "of the runs", "that are asked for from Systems Manager, two events each"},
	{"trace-floor", 2_592_000, "traces a month", "that X-Ray's default sampling takes for certain: one each second"},
	{"trace-rest", 0.05, "of the others", "that X-Ray's default sampling takes"},
	{"weeks", 4.35, "weeks a month", "between two syncs"},
}

// assume returns an assumption's value.
func assume(id string) float64 {
	for _, a := range Assumptions {
		if a.ID == id {
			return a.Value
		}
	}
	return 0
}
