package server

import (
	"context"
	"errors"
	"net/http"

	"example.com/asr"
)

// caller is who calls, and what they may see. What is shown to them or acted on
// for them passes the functions of this file, whatever the request says.
type caller struct {
	asr.Actor
	view   asr.View
	answer http.Header // of the answer
}

// unseenHeader says of an answer that it may lack what the caller may see.
const unseenHeader = "X-Asr-Unseen"

const unseen = "which accounts your organizational units have can't be told now, so what is in them isn't here; AWS Organizations is asked again soon"

// handler answers a caller.
type handler = func(*http.Request, caller) (any, error)

// viewed has the caller's view found out first. Who sees nothing is refused.
func (a *api) viewed(h handler) handler {
	return func(r *http.Request, by caller) (any, error) {
		by.view = asr.View{"*"}
		if a.View != nil {
			view, err := a.View(r.Context(), by.Actor)
			var partly *asr.UnseenError
			switch {
			case errors.As(err, &partly):
				by.answer.Set(unseenHeader, unseen)
				a.Log.WarnContext(r.Context(), "units unknown", "caller", by.Name, "error", err)
				if len(view) == 0 {
					return nil, &asr.Error{Code: asr.CodeNotAllowed, Message: unseen, Do: "try again in a minute; if it stays, asr doctor --deployed says why"}
				}
			case err != nil: // whatever it says, it isn't the request's fault
				return nil, &asr.Error{Code: asr.CodeUnavailable, Message: "which accounts " + by.Name + " may see can't be told", Do: "see the policy", Err: err}
			}
			by.view = view
		}
		if len(by.view) == 0 {
			return nil, &asr.Error{Code: asr.CodeNotAllowed, Message: "the policy's callers give " + by.Name + " no account", Do: "have an entry there name you, and your accounts or their units"}
		}
		return h(r, by)
	}
}

// everywhere is for what shows or changes all accounts at once.
func (a *api) everywhere(h handler) handler {
	return a.viewed(func(r *http.Request, by caller) (any, error) {
		if !by.view.All() {
			return nil, &asr.Error{Code: asr.CodeNotAllowed, Message: "this is of all accounts, and " + by.Name + " may see some only", Do: "have somebody do it who sees all: the policy's callers say who"}
		}
		return h(r, by)
	})
}

// ofRun is for what is about the run in the path, which is there only for those
// who see its account. A run's account never changes.
func (a *api) ofRun(h handler) handler {
	return a.viewed(func(r *http.Request, by caller) (any, error) {
		if _, err := a.seenRun(r.Context(), by, r.PathValue("id")); err != nil {
			return nil, err
		}
		return h(r, by)
	})
}

func (by caller) seesRun(r asr.Run) bool { return by.view.Sees(r.Target.Account) }

func (by caller) seesFinding(f asr.Finding) bool { return by.view.Sees(f.Account) }

func (a *api) seenRun(ctx context.Context, by caller, id string) (asr.Run, error) {
	r, err := a.Store.Run(ctx, id)
	if errors.Is(err, asr.ErrNotFound) || err == nil && !by.seesRun(r) {
		return asr.Run{}, &asr.Error{Code: asr.CodeNotFound, Message: "there is no run " + id, Do: "correct the id: the lists have those that there are"}
	}
	return r, err
}

func (a *api) seenFinding(ctx context.Context, by caller, id string) (asr.Finding, error) {
	f, err := a.Store.Finding(ctx, id)
	if errors.Is(err, asr.ErrNotFound) || err == nil && !by.seesFinding(f) {
		return asr.Finding{}, &asr.Error{Code: asr.CodeNotFound, Message: "there is no finding " + id, Do: "correct the id: the lists have those that there are"}
	}
	return f, err
}

func (a *api) seenRuns(ctx context.Context, by caller, q asr.RunQuery) (Page[asr.Run], error) {
	return list[asr.Run]{
		read: func(account, cursor string, limit int) ([]asr.Run, string, error) {
			q.Account, q.Cursor, q.Limit = account, cursor, limit
			runs, next, err := a.Store.Runs(ctx, q)
			return runs, next, a.unread(ctx, err)
		},
		sees: by.seesRun, id: func(r asr.Run) string { return r.ID },
	}.page(by.view, q.Account, q.Cursor, q.Limit)
}

func (a *api) seenFindings(ctx context.Context, by caller, q asr.FindingQuery) (Page[asr.Finding], error) {
	return list[asr.Finding]{
		read: func(account, cursor string, limit int) ([]asr.Finding, string, error) {
			q.Account, q.Cursor, q.Limit = account, cursor, limit
			findings, next, err := a.Store.Findings(ctx, q)
			return findings, next, a.unread(ctx, err)
		},
		sees: by.seesFinding, id: func(f asr.Finding) string { return f.ID },
	}.page(by.view, q.Account, q.Cursor, q.Limit)
}

// unread logs what of a list can't be read: whoever asks gets the rest.
func (a *api) unread(ctx context.Context, err error) error {
	if err != nil && asr.Partial(err) {
		a.Log.ErrorContext(ctx, "left out of a list", "error", err)
		return nil
	}
	return err
}

// list is one of the store's, of which a caller sees a part.
type list[T any] struct {
	read func(account, cursor string, limit int) (items []T, next string, err error)
	sees func(T) bool
	id   func(T) string
}

// How much of a list is read for one page.
const (
	pageSize  = 100 // the store's, and ours if the caller doesn't say
	mostPages = 100
)

// page is a page of what the view has, as if there were nothing else: it is full
// unless it is the last, and its cursor tells of an item on it. An error if that
// takes more reading than one request is worth.
func (l list[T]) page(v asr.View, account, cursor string, limit int) (Page[T], error) {
	if account == "" {
		account = v.Only()
	}
	if limit == 0 {
		limit = pageSize
	}
	p := Page[T]{Items: []T{}}
	switch {
	case account != "" && !v.Sees(account):
		_, _, err := l.read(account, cursor, 1) // a cursor that is none is refused here, too
		return p, err
	case account != "" || v.All():
		items, next, err := l.read(account, cursor, limit)
		return Page[T]{append(p.Items, items...), next}, err
	}
	for range 3 {
		p, err := l.pick(cursor, limit)
		if !errors.Is(err, asr.ErrStale) {
			return p, err
		}
	}
	return p, asr.ErrStale
}

// pick reads on until a page is full and something follows it. ErrStale if what
// is listed changed meanwhile, so that the page's end can't be told.
func (l list[T]) pick(cursor string, limit int) (Page[T], error) {
	p := Page[T]{Items: []T{}}
	var start string // the cursor of the read that the page's last item came with
	var place int    // and its place there
	for range mostPages {
		items, next, err := l.read("", cursor, pageSize)
		if err != nil {
			return Page[T]{}, err
		}
		for i, item := range items {
			switch {
			case !l.sees(item):
			case len(p.Items) < limit:
				p.Items, start, place = append(p.Items, item), cursor, i
			default:
				p.Next, err = l.after(p.Items[limit-1], start, place+1)
				return p, err
			}
		}
		if cursor = next; next == "" {
			return p, nil
		}
	}
	return Page[T]{}, &asr.Error{Code: asr.CodeBadInput, Message: "what you may see lies too far apart in this list", Do: "name an account, or other filters"}
}

// after is the cursor of what follows an item, which is the last of so many that
// can be read. It asks for as many more as can't.
func (l list[T]) after(item T, start string, count int) (string, error) {
	for n := count; n <= pageSize; {
		items, next, err := l.read("", start, n)
		if err != nil {
			return "", err
		}
		if len(items) == count && next != "" && l.id(items[count-1]) == l.id(item) {
			return next, nil
		}
		if len(items) >= count || next == "" {
			break
		}
		n += count - len(items)
	}
	return "", asr.ErrStale
}
