/** The screens, each loaded when it is first gone to, and the areas that the navigation shows. */

import { Activity, type LucideIcon, Plug, Workflow } from "lucide-react";
import { lazy } from "react";
import { Navigate, type RouteObject } from "react-router";

import type { MessageId } from "./i18n";
import { PublishActions } from "./publish/PublishActions";
import { Signed } from "./session/Signed";

const WorkflowsScreen = lazy(() => import("./workflows/WorkflowsScreen"));
const RunsScreen = lazy(() => import("./runs/RunsScreen"));
const RunScreen = lazy(() => import("./runs/RunScreen"));
const EffectsScreen = lazy(() => import("./runs/EffectsScreen"));
const ConnectionsScreen = lazy(() => import("./connections/ConnectionsScreen"));
const ConnectionScreen = lazy(() => import("./connections/ConnectionScreen"));
const EditorScreen = lazy(async () => ({ default: (await import("./editor/EditorScreen")).EditorScreen }));

interface Area {
  path: string;
  label: MessageId;
  icon: LucideIcon;
  permission?: string;
}

export const AREAS: readonly Area[] = [
  { path: "/workflows", label: "shell.area.workflows", icon: Workflow },
  { path: "/runs", label: "shell.area.runs", icon: Activity },
  { path: "/connections", label: "shell.area.connections", icon: Plug },
];

export const ROUTES: RouteObject[] = [
  { path: "/", element: <Navigate to="/workflows" replace /> },
  { path: "/sign-in", element: <Navigate to="/workflows" replace /> },
  { path: "/workflows", element: <Signed>{(session) => <WorkflowsScreen session={session} />}</Signed> },
  {
    path: "/workflows/:id",
    element: (
      <Signed>
        {(session) => (
          <EditorScreen
            permissions={session.permissions}
            renderActions={(editor) => <PublishActions editor={editor} session={session} />}
          />
        )}
      </Signed>
    ),
  },
  { path: "/runs", element: <Signed>{() => <RunsScreen />}</Signed> },
  { path: "/runs/effects", element: <Signed>{(session) => <EffectsScreen session={session} />}</Signed> },
  { path: "/runs/:id", element: <Signed>{(session) => <RunScreen session={session} />}</Signed> },
  { path: "/connections", element: <Signed>{(session) => <ConnectionsScreen session={session} />}</Signed> },
  { path: "/connections/:provider", element: <Signed>{() => <ConnectionScreen />}</Signed> },
  { path: "*", element: <Navigate to="/workflows" replace /> },
];
