package main

// templateFunctions are those that a sandbox answers in another way than `helm template`:
// lookup finds nothing, and what Go gives in no order comes sorted, so that two renders of
// one chart are equal. `lookups` counts the calls of lookup.
func templateFunctions(lookups *int) map[string]any {
	return map[string]any{
		"lookup": func(string, string, string, string) (map[string]any, error) {
			*lookups++
			return map[string]any{}, nil
		},
		"keys":   keys,
		"values": values,
	}
}

// keys lists the keys of the maps, each map's sorted, one map after the other.
func keys(maps ...map[string]any) []string {
	all := []string{}
	for _, each := range maps {
		all = append(all, sortedKeys(each)...)
	}
	return all
}

// values lists a map's values in the order of its keys.
func values(m map[string]any) []any {
	all := []any{}
	for _, key := range sortedKeys(m) {
		all = append(all, m[key])
	}
	return all
}
