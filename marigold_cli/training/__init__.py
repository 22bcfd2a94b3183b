"""Teaching a latent diffusion checkpoint to see depth, or normals.

Asked for: options, embedded (a recipe) · from start to end: course, binding (what may not change)
what is taught   subject, foundation (where it starts), networks and patches (new ones),
                 checkpoint (where it ends) · protocols
from what        samples datasets · order (which when) reader latents (kept) lesson (a batch)
by which maths   truth noise codec losses rate average
how              loop learner machine · state curve sheets progress (what is written and told)
"""
