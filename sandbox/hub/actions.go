package hub

import (
	"regexp"
	"slices"
)

// actionTarget is a custom action of the console.
type actionTarget struct {
	ActionTargetArn string
	Name            string
	Description     string
}

const maxActions = 50

var actionID = regexp.MustCompile(`^[A-Za-z0-9]{1,20}$`)

// createAction, with the limits of
// https://docs.aws.amazon.com/securityhub/latest/userguide/securityhub-cloudwatch-events.html
func (h *Hub) createAction(c Call) (any, error) {
	in, err := decode[struct{ Name, Description, Id string }](c) // as on the wire
	if err != nil {
		return nil, err
	}
	a := actionTarget{ActionTargetArn: c.arn("action/custom/" + in.Id), Name: in.Name, Description: in.Description}
	switch {
	case !actionID.MatchString(in.Id):
		return nil, invalid("Id %q is not 1 to 20 letters and digits", in.Id)
	case in.Name == "" || len(in.Name) > 20:
		return nil, invalid("Name %q is not 1 to 20 characters", in.Name)
	case in.Description == "" || len(in.Description) > 100:
		return nil, invalid("Description %q is not 1 to 100 characters", in.Description)
	case h.findAction(c, a.ActionTargetArn) >= 0:
		return nil, conflict(a.ActionTargetArn)
	case len(h.actions[c.place()]) >= maxActions:
		return nil, &Error{429, "LimitExceededException", "50 action targets exist"}
	}
	h.actions[c.place()] = append(h.actions[c.place()], a)
	return map[string]any{"ActionTargetArn": a.ActionTargetArn}, nil
}

func (h *Hub) findAction(c Call, arn string) int {
	return slices.IndexFunc(h.actions[c.place()], func(a actionTarget) bool { return a.ActionTargetArn == arn })
}

func (h *Hub) describeActions(c Call) (any, error) {
	in, err := decode[struct {
		ActionTargetArns []string
		NextToken        string
		MaxResults       int
	}](c)
	if err != nil {
		return nil, err
	}
	found := h.actions[c.place()]
	if len(in.ActionTargetArns) > 0 {
		found = nil
		for _, arn := range in.ActionTargetArns {
			i := h.findAction(c, arn)
			if i < 0 {
				return nil, notFound(arn)
			}
			found = append(found, h.actions[c.place()][i])
		}
	}
	page, next, err := paginate(found, in.MaxResults, in.NextToken, c.Operation)
	if err != nil {
		return nil, err
	}
	return pageOf("ActionTargets", page, next), nil
}

func (h *Hub) updateAction(c Call) (any, error) {
	in, err := decode[struct{ Name, Description string }](c)
	if err != nil {
		return nil, err
	}
	i := h.findAction(c, c.Vars["ActionTargetArn"])
	if i < 0 {
		return nil, notFound(c.Vars["ActionTargetArn"])
	}
	a := &h.actions[c.place()][i]
	if in.Name != "" {
		a.Name = in.Name
	}
	if in.Description != "" {
		a.Description = in.Description
	}
	return empty{}, nil
}

func (h *Hub) deleteAction(c Call) (any, error) {
	arn := c.Vars["ActionTargetArn"]
	i := h.findAction(c, arn)
	if i < 0 {
		return nil, notFound(arn)
	}
	h.actions[c.place()] = slices.Delete(h.actions[c.place()], i, i+1)
	return map[string]any{"ActionTargetArn": arn}, nil
}
