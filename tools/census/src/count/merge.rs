//! Making room, and putting the censuses of several parts together.

use super::{Census, LIMITS, SLOTS};

impl Census {
    /// Forgets the rarer half where a table is full. What is rare in the whole log can be forgotten; what makes
    /// up a noticeable share comes back and stays.
    pub(super) fn make_room(&mut self) {
        if self.endpoints.len() >= LIMITS.endpoints {
            self.forget_endpoints();
        }
        if self.shapes.len() >= LIMITS.shapes {
            self.forget_shapes();
        }
    }

    fn forget_endpoints(&mut self) {
        let mut counts: Vec<u64> = self.endpoints.iter().map(|endpoint| endpoint.requests).collect();
        let middle = counts.len() / 2;
        let (_, median, _) = counts.select_nth_unstable(middle);
        let rare = *median;
        let mut kept_places = vec![u32::MAX; self.endpoints.len()];
        let mut kept = Vec::new();
        for (place, endpoint) in std::mem::take(&mut self.endpoints).into_iter().enumerate() {
            if endpoint.recognised.is_none() && endpoint.requests <= rare {
                self.forgotten_endpoints += endpoint.requests;
                self.rarest = self.rarest.max(endpoint.requests);
                continue;
            }
            kept_places[place] = u32::try_from(kept.len()).unwrap_or(u32::MAX);
            kept.push(endpoint);
        }
        self.endpoints = kept;
        self.shapes.retain_mut(|shape| {
            shape.endpoint = kept_places[shape.endpoint as usize];
            shape.endpoint != u32::MAX
        });
        self.index();
    }

    fn forget_shapes(&mut self) {
        let mut counts: Vec<u64> = self.shapes.iter().map(|shape| shape.requests).collect();
        let middle = counts.len() / 2;
        let (_, median, _) = counts.select_nth_unstable(middle);
        let rare = *median;
        let (forgotten, rarest) = (&mut self.forgotten_shapes, &mut self.rarest);
        self.shapes.retain(|shape| {
            let keep = shape.requests > rare;
            if !keep {
                *forgotten += shape.requests;
                *rarest = (*rarest).max(shape.requests);
            }
            keep
        });
        self.index();
    }

    /// Makes the tables of places anew.
    fn index(&mut self) {
        let place = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let endpoints = self.endpoints.iter().enumerate();
        self.by_place = endpoints
            .map(|(at, one)| ((one.host.clone(), one.path.clone(), one.recognised), place(at)))
            .collect();
        let shapes = self.shapes.iter().enumerate();
        self.by_names =
            shapes.map(|(at, shape)| ((shape.endpoint, shape.parameters.clone()), place(at))).collect();
        self.slots = vec![(0, u32::MAX); SLOTS];
    }

    /// Adds the census of another part of the log.
    pub fn add(&mut self, other: Self) {
        self.requests += other.requests;
        self.bad += other.bad;
        self.forgotten_endpoints += other.forgotten_endpoints;
        self.forgotten_shapes += other.forgotten_shapes;
        self.rarest = self.rarest.max(other.rarest);
        for (why, count, example) in other.bad_lines {
            match self.bad_lines.iter_mut().find(|(known, ..)| *known == why) {
                Some((_, known, _)) => *known += count,
                None => self.bad_lines.push((why, count, example)),
            }
        }
        // Room is made before each endpoint and its shapes, so that places stay true while they are added.
        let mut shapes = other.shapes;
        for (at, endpoint) in other.endpoints.into_iter().enumerate() {
            self.make_room();
            let key = (endpoint.host, endpoint.path, endpoint.recognised);
            let place = self.endpoint(key);
            let mine = &mut self.endpoints[place as usize];
            mine.requests += endpoint.requests;
            for (method, count) in endpoint.methods {
                match mine.methods.iter_mut().find(|(known, _)| *known == method) {
                    Some((_, known)) => *known += count,
                    None => mine.methods.push((method, count)),
                }
            }
            let mut places = Vec::with_capacity(endpoint.parameters.len());
            for parameter in endpoint.parameters {
                let place = mine.place_of_name(parameter.name);
                places.push(place);
                let known = &mut mine.parameters[place as usize];
                known.occurrences += parameter.occurrences;
                known.further_patterns += parameter.further_patterns;
                known.example = known.example.take().or(parameter.example);
                for (pattern, count) in parameter.patterns {
                    known.add(pattern, count);
                }
            }
            for shape in shapes.extract_if(.., |shape| shape.endpoint as usize == at) {
                let mut parameters: Vec<u32> =
                    shape.parameters.iter().map(|old| places[*old as usize]).collect();
                parameters.sort_unstable();
                parameters.dedup();
                let place = self.shape_of(place, parameters);
                self.shapes[place as usize].requests += shape.requests;
            }
        }
    }

    /// Orders everything by frequency.
    pub fn finish(&mut self) {
        for endpoint in &mut self.endpoints {
            endpoint.methods.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
            for parameter in &mut endpoint.parameters {
                parameter.patterns.sort_by_key(|(pattern, count)| (std::cmp::Reverse(*count), *pattern));
            }
        }
    }

    /// The shapes of the endpoint at `place`, most frequent first.
    pub fn shapes_of(&self, place: usize) -> Vec<&crate::Shape> {
        let mut shapes: Vec<_> =
            self.shapes.iter().filter(|shape| shape.endpoint as usize == place).collect();
        shapes.sort_by_key(|shape| std::cmp::Reverse(shape.requests));
        shapes
    }
}
