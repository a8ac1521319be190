package main

import (
	"example.com/asr"
)

// approve says yes to what can't be put back: a person, verified by AWS.
func (d *demo) approve() error {
	r, ok := d.first(asr.StateAwaiting, "RDS.4")
	d.expect(ok, "no run asks for RDS.4")
	if !ok {
		return nil
	}
	d.title("One asks: %s on %s (%s)", r.Control, last(r.Target.ID), r.Decision.Why)
	if _, err := d.engine.Approve(d.ctx, r.ID, r.Plan.Hash, d.me, "shown in the demo"); err != nil {
		return err
	}
	runs, err := d.drive(d.ctx, d.parts, []string{r.ID})
	if err != nil {
		return err
	}
	d.printRun(runs[0])
	d.expect(runs[0].State == asr.StateVerified, "the approved run ended %s: %+v", runs[0].State, runs[0].Error)
	return nil
}

// undo puts a fix back and proves by a plan that it is as before.
func (d *demo) undo() error {
	r, ok := d.first(asr.StateVerified, "S3.5")
	d.expect(ok, "no fix of S3.5 to undo")
	if !ok {
		return nil
	}
	d.title("One is undone: %s on %s", r.Control, last(r.Target.ID))
	if _, err := d.engine.Revert(d.ctx, r.ID, d.me, false); err != nil {
		return err
	}
	if _, err := d.drive(d.ctx, d.parts, []string{r.ID}); err != nil {
		return err
	}
	again, err := d.engine.Request(d.ctx, asr.Ask{
		Actor: d.me, Control: r.Control, Resource: asr.Resource{ID: r.Target.ID}, Account: r.Target.Account, Region: r.Target.Region, PlanOnly: true,
	})
	if err != nil {
		return err
	}
	runs, err := d.drive(d.ctx, d.parts, []string{again.ID})
	if err != nil {
		return err
	}
	undone, err := d.store.Run(d.ctx, r.ID)
	if err != nil {
		return err
	}
	d.printRun(undone)
	left, err := asr.Diff(r.Plan.Before, runs[0].Plan.Before)
	if err != nil {
		return err
	}
	d.expect(undone.State == asr.StateReverted && len(left) == 0, "after undo (%s) it differs: %v", undone.State, left)
	d.line("  read again, it is as it was before the fix (%d differences)", len(left))
	_, err = d.engine.Cancel(d.ctx, again.ID, d.me, "only to look")
	return err
}

// refuse tries to undo what somebody has changed meanwhile.
func (d *demo) refuse() error {
	r, ok := d.first(asr.StateVerified, "CloudWatch.16")
	d.expect(ok, "no fix of CloudWatch.16 to undo")
	if !ok {
		return nil
	}
	d.title("Somebody changes what was fixed; its undo is refused: %s on %s", r.Control, last(r.Target.ID))
	if err := somebodySetsRetention(d.ctx, d.s.Config(r.Target.Account, r.Target.Region), r.Target.Name, 731); err != nil {
		return err
	}
	if _, err := d.engine.Revert(d.ctx, r.ID, d.me, false); err != nil {
		return err
	}
	runs, err := d.drive(d.ctx, d.parts, []string{r.ID})
	if err != nil {
		return err
	}
	d.printRun(runs[0])
	u := runs[0].Undo
	d.expect(runs[0].State == asr.StateVerified && u != nil && u.Refused != nil && u.Refused.Code == asr.CodeConflict, "the undo was not refused: %s %+v", runs[0].State, u)
	return nil
}

// confirm lets Security Hub look again and takes what it says.
func (d *demo) confirm() error {
	d.title("Security Hub looks again")
	if _, err := d.org.Evaluate(d.ctx); err != nil {
		return err
	}
	var total intake
	if err := d.sync(d.ctx, d.parts, everything(), &total); err != nil {
		return err
	}
	if _, err := d.drive(d.ctx, d.parts, total.Runs); err != nil {
		return err
	}
	counts := map[asr.Outcome]int{}
	if err := d.eachFinding(func(f asr.Finding) error { counts[f.Outcome]++; return nil }); err != nil {
		return err
	}
	d.line("%d fixes confirmed by Security Hub, %d fixed and not confirmed", counts[asr.OutcomeConfirmed], counts[asr.OutcomeFixed])
	d.expect(counts[asr.OutcomeConfirmed] >= 10, "only %d fixes were confirmed", counts[asr.OutcomeConfirmed])
	return nil
}

func (d *demo) eachFinding(f func(asr.Finding) error) error {
	q := asr.FindingQuery{}
	for {
		page, next, err := d.store.Findings(d.ctx, q)
		if err != nil {
			return err
		}
		for _, finding := range page {
			if err := f(finding); err != nil {
				return err
			}
		}
		if q.Cursor = next; next == "" {
			return nil
		}
	}
}
